// The bytes of the log, as README.md describes them: pure encoding and decoding.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "wal/limits.h"
#include "wal/lsn.h"

namespace vortex::wal {

inline constexpr std::uint32_t kMagic = 0x4C415756;  // "VWAL"
inline constexpr std::uint16_t kFormatVersion = 1;
inline constexpr std::uint16_t kFormatVersionOldest = 1;
inline constexpr std::size_t kGroupHeaderBytes = 128;
inline constexpr std::size_t kRecordHeaderBytes = 40;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kOwnerEntryBytes = 24;
inline constexpr std::size_t kTableHeadBytes = 8;

inline constexpr std::uint16_t kFlagOpensSegment = 1;
inline constexpr std::uint16_t kFlagsKnown = kFlagOpensSegment;

// One write and one sync: what recovery takes as a whole or not at all.
struct GroupHeader {
  std::uint16_t flags = 0;
  std::uint64_t log_id = 0;
  SegmentId segment = 0;
  std::uint64_t offset = 0;      // of this header in its segment
  std::uint64_t sequence = 0;    // 1 for the first group of the log, then without a gap
  std::uint64_t previous = 0;    // the check of the group before, 0 for the first one
  std::uint64_t synced = 0;      // groups up to this sequence were durable when this one was written
  SegmentId oldest = 0;          // no owner needs a segment before this one
  std::uint32_t body_bytes = 0;  // records, without the padding up to the next block
  std::uint32_t records = 0;
  std::uint64_t digest = 0;  // over the headers of all records, see digest_step
  std::uint64_t check = 0;   // set by encode and decode

  bool opens_segment() const { return (flags & kFlagOpensSegment) != 0; }
  Lsn lsn() const { return Lsn(segment, offset); }
  // On disk, with header and padding.
  std::size_t bytes() const { return (kGroupHeaderBytes + body_bytes + kBlock - 1) / kBlock * kBlock; }
};

enum class HeaderState { valid, absent, unsupported_version };

// Also sets header.check.
void encode_group_header(GroupHeader& header, MutableBytes out);
// `absent` for anything that is not a whole header with a right check. Whether it stands where it says and belongs to
// this log is for the caller to compare.
HeaderState decode_group_header(ByteView in, GroupHeader& header);

enum class RecordType : std::uint8_t { data = 1, truncate = 2, drop = 3, owner_table = 4 };

inline constexpr std::uint8_t kFlagLastOfBatch = 1;

struct RecordHeader {
  std::uint32_t length = 0;  // of the payload
  std::uint16_t kind = 0;    // the owner's
  RecordType type = RecordType::data;
  std::uint8_t flags = 0;
  OwnerId owner = 0;
  std::uint64_t sequence = 0;  // counts the owner's records, from 1; 0 for the owner table
  std::uint64_t payload_check = 0;
};

// What a record takes in a group, with header and alignment.
constexpr std::size_t record_bytes(std::size_t payload) {
  return (kRecordHeaderBytes + payload + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

// The check binds the header to its log and its place, so that old bytes are never taken for new ones.
void encode_record_header(const RecordHeader& header, std::uint64_t log_id, Lsn lsn, MutableBytes out);
// Nothing when the check, the type or a reserved bit is wrong.
std::optional<RecordHeader> decode_record_header(ByteView in, std::uint64_t log_id, Lsn lsn);
std::uint64_t payload_check(ByteView payload);
std::uint64_t digest_step(std::uint64_t digest, ByteView record_header);

// What the log knows about an owner.
struct OwnerState {
  OwnerId owner = 0;
  std::uint64_t sequence = 0;  // of its last record
  Lsn truncated;               // its records before this place are gone
};

constexpr std::size_t table_payload_bytes(std::size_t owners) { return kTableHeadBytes + owners * kOwnerEntryBytes; }
void encode_owner_table(const std::vector<OwnerState>& owners, MutableBytes out);
std::optional<std::vector<OwnerState>> decode_owner_table(ByteView in);

}  // namespace vortex::wal
