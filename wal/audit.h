// Follows every owner through the log and says whose records are missing. Each owner's records are numbered, so that a
// later one proves that nothing is missing before it.
#pragma once

#include <map>
#include <vector>

#include "wal/format.h"
#include "wal/owners.h"
#include "wal/report.h"

namespace vortex::wal {

class OwnerAudit {
 public:
  struct State {
    std::uint64_t sequence = 0;
    Lsn truncated;
    Lsn confirmed;  // up to here nothing is missing, or it has been noted
    std::vector<Owner::Span> spans;
  };

  // In the order of the log.
  void record(const RecordHeader& header, Lsn lsn, ByteView payload);
  // Its header is whole, its payload is not.
  void damaged(const RecordHeader& header, Lsn lsn, Lsn end);
  // Whatever was there cannot be recognised.
  void unknown(Lsn from, Lsn to);

  struct Verdict {
    std::vector<HurtOwner> hurt;
    bool names_complete = true;
  };
  // At the end. Owners whose records may be missing get a sequence that leaves a gap, so that later starts still
  // see it.
  Verdict finish();
  // Without those who were dropped.
  const std::map<OwnerId, State>& owners() const { return owners_; }

 private:
  void advance(const RecordHeader& header, Lsn lsn, Lsn confirmed);
  void table(ByteView payload, Lsn lsn);
  void missing(OwnerId owner, bool certain, Lsn after, Lsn before, std::uint64_t count);
  // The end of the last unrecognisable place between the two.
  Lsn damage_end(Lsn after, Lsn before) const;

  std::map<OwnerId, State> owners_;
  struct Place {
    Lsn from, to;
  };
  std::vector<Place> unknown_;
  std::vector<HurtOwner> hurt_;
  Lsn last_table_;
  // There was a table before any damage: whoever is not in it has begun since, with number 1.
  bool all_known_ = false;
};

}  // namespace vortex::wal
