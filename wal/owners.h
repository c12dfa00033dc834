// What each owner has in the log and from where on it needs it.
#pragma once

#include <unordered_map>
#include <vector>

#include "wal/format.h"
#include "wal/options.h"

namespace vortex::wal {

// Told how many owners need each segment.
class SegmentNeeds {
 public:
  virtual ~SegmentNeeds() = default;
  virtual void need(SegmentId segment) = 0;
  virtual void release(SegmentId segment) = 0;
};

struct Owner {
  OwnerId id = 0;
  std::uint64_t sequence = 0;  // of its last record, staged ones included
  Lsn truncated;               // durable
  struct Span {
    SegmentId segment = 0;
    Lsn last;
  };
  // The segments in which it has durable records that it needs, oldest first.
  std::vector<Span> spans;
  // Its place among the effects of the group that is being filled, and the effects in all groups.
  std::uint64_t effect_group = 0;
  std::size_t effect_at = 0;
  std::size_t effects = 0;
};

class Owners {
 public:
  explicit Owners(SegmentNeeds& needs) : needs_(needs) {}

  Owner* find(OwnerId id);
  const Owner* find(OwnerId id) const { return const_cast<Owners*>(this)->find(id); }
  // A new one has nothing before `end`, where the log ends now. References stay until it is forgotten.
  Owner& find_or_add(OwnerId id, Lsn end);
  std::size_t size() const { return owners_.size(); }

  // Durable records up to `last`, all in one segment.
  void wrote(Owner& owner, Lsn last);
  void truncate(Owner& owner, Lsn before);
  // When it was dropped, or never wrote, and nothing is staged.
  void forget_if_unused(Owner& owner);

  // By owner id.
  std::vector<OwnerState> table() const;
  // Those who need the oldest segments first.
  std::vector<Holder> holders(std::size_t count_max, SegmentId current) const;

 private:
  SegmentNeeds& needs_;
  std::unordered_map<OwnerId, Owner> owners_;
};

}  // namespace vortex::wal
