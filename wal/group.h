// A group while it is filled: one write and one sync, in memory that the disk can take as it is.
#pragma once

#include "wal/format.h"
#include "wal/options.h"

namespace vortex::wal {

class Group {
 public:
  explicit Group(std::size_t capacity) : memory_(Buffer::allocate(capacity)) {}

  // Empties it and gives it its place.
  void start(std::uint64_t log_id, Lsn place, bool opens_segment);
  bool empty() const { return records_ == 0; }
  Lsn place() const { return place_; }
  bool opens_segment() const { return opens_segment_; }
  std::size_t used() const { return used_; }
  std::size_t capacity() const { return memory_.size(); }
  std::uint32_t records() const { return records_; }
  Lsn next_lsn() const { return Lsn(place_.segment(), place_.offset() + used_); }

  // Copies the record behind the others, for which there is room. `header` needs no length and no check.
  Lsn add(RecordHeader header, ByteView prefix, ByteView payload);
  void add_owner_table(const std::vector<OwnerState>& owners);

  // Fills in place, size and digest; the caller has set sequence, previous, synced and oldest. The bytes to write,
  // padded to whole blocks; they stay until start().
  ByteView seal(GroupHeader& header);

 private:
  void finish_record(RecordHeader header, std::size_t payload_bytes);

  Buffer memory_;
  std::uint64_t log_id_ = 0;
  Lsn place_;
  bool opens_segment_ = false;
  std::size_t used_ = kGroupHeaderBytes;
  std::uint32_t records_ = 0;
  std::uint64_t digest_ = 0;
};

}  // namespace vortex::wal
