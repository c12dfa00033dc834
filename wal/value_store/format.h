// The bytes of a value store on disk: the store file, segments and their records. README.md describes them; nothing
// here touches a disk.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/result.h"

namespace vortex::wal::values {

// Raised when an older program could not read what a newer one writes. A store of any version from the oldest to the
// current one opens; what is written is of the current one, and reclaiming carries old records over.
inline constexpr std::uint32_t kStoreVersion = 1;
inline constexpr std::uint32_t kStoreVersionOldest = 1;

inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 72;
inline constexpr std::size_t kSumBytes = 8;
inline constexpr std::uint32_t kValueBytesMax = kChunkStoredMax;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t(4) << 30;
inline constexpr std::size_t kRecordPrefixBytesMax =
    kRecordHeaderBytes + kSumBytes * ((kValueBytesMax + kChunkCheckBlock - 1) / kChunkCheckBlock);

using StoreId = std::array<std::uint8_t, 16>;

constexpr std::uint32_t check_blocks(std::uint32_t length) {
  return static_cast<std::uint32_t>((std::uint64_t(length) + kChunkCheckBlock - 1) / kChunkCheckBlock);
}
constexpr std::uint64_t align_record(std::uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}
// Header and checksums of a value of `length` bytes.
constexpr std::size_t value_prefix_bytes(std::uint32_t length) {
  return kRecordHeaderBytes + kSumBytes * check_blocks(length);
}
// Header, checksums, value, padding.
constexpr std::uint64_t value_record_bytes(std::uint32_t length) {
  return align_record(value_prefix_bytes(length) + length);
}
static_assert(value_record_bytes(300) <= 400, "small values are packed");

// --- the store file: one static sector and two slots for the epoch, which are written in turns, in place ---

inline constexpr std::size_t kStoreSectorBytes = 512;
inline constexpr std::size_t kStoreFileBytes = 3 * kStoreSectorBytes;

struct StoreFile {
  std::uint32_t version = kStoreVersion;
  StoreId store{};
  std::uint64_t epoch = 0;
  std::uint32_t next_segment = 1;  // numbers below it were used before this epoch
  int slot = 0;                    // which slot holds it
  bool slot_damaged = false;       // the other one may have held a higher epoch
};
ByteVector encode_store_file(const StoreFile& file);
// One slot's sector, to be written at kStoreSectorBytes × (1 + slot).
ByteVector encode_epoch_slot(std::uint64_t epoch, std::uint32_t next_segment);
// `unsupported_version`, or `damaged` when the static sector is.
Result<StoreFile> decode_store_file(ByteView bytes);

// --- segments ---

struct SegmentHeader {
  std::uint32_t version = kStoreVersion;
  std::uint32_t number = 0;
  StoreId store{};
  std::uint64_t epoch = 0;
};
ByteVector encode_segment_header(const SegmentHeader& header);
Result<SegmentHeader> decode_segment_header(ByteView bytes);

// "segment-0000000042" and "index.0000000042".
std::string segment_name(std::uint32_t number);
std::string index_name(std::uint32_t number);
std::optional<std::uint32_t> parse_segment_name(std::string_view name);
std::optional<std::uint32_t> parse_index_name(std::string_view name);

// --- records ---

enum class RecordKind : std::uint8_t {
  value = 1,       // a value's bytes
  touch = 2,       // the value got a newer copy number; its bytes stay where they are
  tombstone = 3,   // every copy up to `number` is gone
  quarantine = 4,  // the same, because the copy was found damaged and has been set aside
};
std::string_view to_string(RecordKind kind);
// The damaged bytes could not be saved elsewhere, so the segment that holds them is kept.
inline constexpr std::uint16_t kBytesStay = 1;

struct RecordHeader {
  RecordKind kind = RecordKind::value;
  std::uint16_t form = 0;    // the caller's, for a value; kBytesStay or 0 for a quarantine
  std::uint64_t number = 0;  // CopyNumber::packed()
  Id id;
  // Bytes of a value. In a tombstone: the other segment that may hold the erased record (0: none).
  std::uint32_t length = 0;
  // The segment was known to be synced so far when this record was written, in units of kRecordAlignment.
  std::uint32_t durable_to = 0;
  // The record whose place this one takes, or which it erases or touches. Segment 0: none.
  std::uint32_t old_segment = 0;
  std::uint32_t old_offset = 0;  // in units of kRecordAlignment

  std::size_t prefix_bytes() const {
    return kind == RecordKind::value ? value_prefix_bytes(length) : kRecordHeaderBytes;
  }
  std::uint64_t record_bytes() const {
    return kind == RecordKind::value ? value_record_bytes(length) : kRecordHeaderBytes;
  }
  bool erases() const { return kind == RecordKind::tombstone || kind == RecordKind::quarantine; }
};

// One XXH3 for every kChunkCheckBlock bytes.
std::vector<std::uint64_t> value_sums(ByteView value);
// What the checksums of a segment's records are seeded with. It is no secret to members, but it is to whoever stores
// bytes: nothing inside a value can pass for a record when a damaged segment is searched for the next one.
std::uint64_t segment_seal(const StoreId& store, std::uint32_t segment);
// Writes header and checksums to `out`, which has prefix_bytes().
void encode_record(const RecordHeader& header, std::span<const std::uint64_t> sums, std::uint64_t seal,
                   MutableBytes out);

// How many bytes header and checksums take, from the first kRecordHeaderBytes. Nothing when this cannot be a record.
std::optional<std::size_t> record_prefix_bytes(ByteView header);
// `prefix` begins with header and checksums. Nothing unless all of it is sound and of this segment.
std::optional<RecordHeader> decode_record(ByteView prefix, std::uint64_t seal);
std::uint64_t record_sum(ByteView prefix, std::uint32_t block);
// One block of the value against the (sound) prefix.
bool block_sound(ByteView prefix, std::uint32_t block, ByteView bytes);
// The whole value against the (sound) prefix.
bool value_sound(ByteView prefix, ByteView value);

// The prefix with one bit turned round such that it is sound, where there is such a bit: what a disk most often does
// to a header need not cost the name of the record or the deletion it stands for. `bytes` begins where it begins.
std::optional<ByteVector> repair_record(ByteView bytes, std::uint64_t seal);

}  // namespace vortex::wal::values
