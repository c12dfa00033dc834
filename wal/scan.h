// Reading a segment from its beginning: groups, damaged gaps between them, and where they end.
#pragma once

#include <vector>

#include "base/disk.h"
#include "wal/format.h"

namespace vortex::wal {

// A window over a file. What the disk cannot read looks like zeros and is remembered.
class SegmentReader {
 public:
  SegmentReader(File& file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}
  std::uint64_t bytes() const { return bytes_; }
  // Valid until the next call. [offset, offset + length) lies in the segment.
  Task<Result<ByteView>> at(std::uint64_t offset, std::size_t length);
  // The next look goes to the disk.
  void forget() { window_bytes_ = 0; }
  // Was any block in there unreadable, as far as it was looked at?
  bool unreadable(std::uint64_t from, std::uint64_t to) const;

 private:
  Task<Status> fill(std::uint64_t from, std::size_t length);
  File& file_;
  const std::uint64_t bytes_;
  Buffer window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_bytes_ = 0;
  std::vector<std::uint64_t> bad_blocks_;  // ascending
};

struct Found {
  enum class Kind { group, gap, end };
  Kind kind = Kind::end;
  GroupHeader header;      // of a group
  std::uint64_t from = 0;  // [from, to) in the segment
  std::uint64_t to = 0;
  ByteView bytes;  // of a group or a gap, valid until the next call
};

class SegmentWalker {
 public:
  SegmentWalker(File& file, std::uint64_t bytes, std::uint64_t log_id, SegmentId segment)
      : reader_(file, bytes), log_id_(log_id), segment_(segment) {}
  // The groups in their order. Bytes that are no group are a gap when a later group of this segment follows,
  // otherwise the groups end there. Bodies are not looked at.
  Task<Result<Found>> next();
  // The group or gap just found, read from the disk once more: a bit may have flipped on the way.
  Task<Status> read_again(Found& found);
  SegmentReader& reader() { return reader_; }

 private:
  Task<Result<bool>> group_at(std::uint64_t offset, GroupHeader& header);
  SegmentReader reader_;
  const std::uint64_t log_id_;
  const SegmentId segment_;
  std::uint64_t at_ = 0;
  std::uint64_t sequence_ = 0;  // of the last group found
};

// What a group's body, or a gap that was one, is made of.
struct Piece {
  enum class Kind { record, damaged, unknown };
  Kind kind = Kind::record;
  RecordHeader header;  // of a record, also of one whose payload is damaged
  Lsn lsn;
  Lsn end;
  ByteView payload;  // of a record
};

struct Body {
  std::vector<Piece> pieces;
  bool intact = false;         // every record is there, as it was written
  bool padding_clean = false;  // zeros up to the end of the last block
};

// `group` are all bytes of the group.
void read_group(const GroupHeader& header, ByteView group, Body& body);
// What can be recognised among bytes whose group headers are lost. At the end of a segment older bytes may follow, so
// that no more than the first `groups_max` runs of records count; 0: all of them.
void read_gap(std::uint64_t log_id, Lsn at, ByteView gap, std::uint64_t groups_max, Body& body);

bool all_zero(ByteView bytes);

}  // namespace vortex::wal
