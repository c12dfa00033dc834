// What a value store knows in memory: the index, the segments, and what lives in which. It does no input or output.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "wal/value_store/index.h"
#include "wal/value_store/segment.h"

namespace vortex::wal::values {

// The newest copy number of a value that was put again after its record was written.
struct Touch {
  std::uint64_t number = 0;
  std::uint32_t ordinal = 0;  // of the segment with the touch's record
};

class Catalog {
 public:
  explicit Catalog(std::uint64_t seed) : seed_(seed), index_(seed) { segments_.emplace_back(); }
  void clear() { *this = Catalog(seed_); }

  // --- segments ---
  std::shared_ptr<Segment> add_segment(std::uint32_t number);
  // Nothing lives in it; its file is gone. Tombstones that waited for that are needed no longer.
  void remove_segment(std::uint32_t number);
  const std::shared_ptr<Segment>& at(std::uint32_t ordinal) const { return segments_[ordinal]; }
  std::shared_ptr<Segment> find_segment(std::uint32_t number) const;
  bool exists(std::uint32_t number) const { return by_number_.count(number) != 0; }
  // In the order of their numbers.
  std::vector<std::shared_ptr<Segment>> segments() const;
  // While held, the place of a segment that goes is not given to another: an index checkpoint is being written, and its
  // entries name segments by their places.
  void hold_ordinals(bool held);
  std::size_t segment_count() const { return by_number_.size(); }

  // --- values ---
  Location find(const Id& id) const { return index_.find(id); }
  // 0 when it was never touched.
  std::uint64_t touch_number(const Id& id) const;
  const std::unordered_map<Id, Touch>& touches() const { return touches_; }
  const ValueIndex& index() const { return index_; }
  ValueIndex& index() { return index_; }

  // A record was written: the books follow.
  void apply(const RecordHeader& header, Segment& segment, std::uint64_t offset);
  void place(const Id& id, Location location);
  void forget(const Id& id);
  void drop_touch(const Id& id);
  void set_touch(const Id& id, std::uint64_t number, Segment& segment);
  void add_debt(Segment& segment, std::uint32_t victim, std::uint32_t also, std::uint32_t records = 1);
  // Must a tombstone that lies in `segment` be kept when that segment goes?
  bool debt_stands(const Segment& segment, std::uint32_t victim, std::uint32_t also) const;

  std::uint64_t live_bytes() const { return live_bytes_; }
  // What an index checkpoint of all this takes on disk, about.
  std::uint64_t checkpoint_bytes() const;
  // A segment got longer.
  void grow(Segment& segment, std::uint64_t end);
  // All segments' bytes.
  std::uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  Segment& of(Location location) { return *segments_[location.ordinal()]; }

  std::uint64_t seed_;
  ValueIndex index_;
  std::unordered_map<Id, Touch> touches_;
  std::vector<std::shared_ptr<Segment>> segments_;  // by ordinal; [0] stays empty
  std::vector<std::uint32_t> free_ordinals_, held_ordinals_;
  bool hold_ordinals_ = false;
  std::map<std::uint32_t, std::uint32_t> by_number_;
  std::uint64_t live_bytes_ = 0, stored_bytes_ = 0;
};

}  // namespace vortex::wal::values
