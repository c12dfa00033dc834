// Index checkpoints: what a restart reads instead of all segments.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/env.h"
#include "wal/value_store/catalog.h"

namespace vortex::wal::values {

struct CheckpointHead {
  std::uint32_t version = kStoreVersion;
  std::uint32_t number = 0;  // as in the file's name
  StoreId store{};
  std::uint64_t epoch = 0;
  std::uint32_t next_segment = 1;
  VORTEX_FIELDS(version, number, store, epoch, next_segment)
};

struct CheckpointDebt {
  std::uint32_t victim = 0, also = 0, records = 0;
  VORTEX_FIELDS(victim, also, records)
};

// Entries name segments by ordinal; this says which those are, and how far each is covered.
struct CheckpointSegment {
  std::uint32_t number = 0, ordinal = 0;
  std::uint64_t epoch = 0;
  std::uint64_t end = 0;
  std::uint8_t flags = 0;
  std::vector<std::uint32_t> copied_from;
  std::vector<Gap> torn;
  std::vector<CheckpointDebt> debts;
  VORTEX_FIELDS(number, ordinal, epoch, end, flags, copied_from, torn, debts)

  static constexpr std::uint8_t kSealed = 1, kPinned = 2;
  bool sealed() const { return (flags & kSealed) != 0; }
  bool pinned() const { return (flags & kPinned) != 0; }
};

struct CheckpointTouch {
  Id id;
  std::uint64_t number = 0;
  std::uint32_t ordinal = 0;
  std::uint64_t place = 0;  // of the value, as in its entry
  VORTEX_FIELDS(id, number, ordinal, place)
};

struct CheckpointEnd {
  std::uint64_t entries = 0, touches = 0, segments = 0;
  VORTEX_FIELDS(entries, touches, segments)
};

// Writes the catalog to `file`, in blocks, while it changes (but for its ordinals, which the caller holds): what is
// written after the call is found again by reading the segments from the ends that the checkpoint notes first.
// Everything it may refer to must be synced before the file gets its name.
Task<Status> write_checkpoint(File& file, const CheckpointHead& head, const Catalog& catalog);

class CheckpointVisitor {
 public:
  virtual ~CheckpointVisitor() = default;
  // Each returns an error to refuse the whole.
  virtual Status head(const CheckpointHead& head) = 0;
  virtual Status segment(const CheckpointSegment& segment) = 0;
  virtual Status entries(std::span<const ValueIndex::Entry> entries) = 0;
  virtual Status touch(const CheckpointTouch& touch) = 0;
};
// Reads one from its beginning to its end, which must be there; `damaged` says where it is not what was written.
Task<Status> read_checkpoint(File& file, CheckpointVisitor& visitor);

// One block of it, for the reader and the fuzzer.
inline constexpr std::size_t kBlockHeaderBytes = 32;
inline constexpr std::size_t kBlockBytesMax = 8 * kMiB;
struct BlockHeader {
  std::uint32_t kind = 0, count = 0, bytes = 0, index = 0;
};
Result<BlockHeader> decode_block_header(ByteView header);
// Payload and header against the checksum, then its items, to the visitor. True at the end block.
class CheckpointParser {
 public:
  explicit CheckpointParser(CheckpointVisitor& visitor) : visitor_(visitor) {}
  Result<bool> block(ByteView header, ByteView payload);

 private:
  Status items(const BlockHeader& header, ByteView payload);
  CheckpointVisitor& visitor_;
  CheckpointEnd seen_;
  std::uint32_t next_index_ = 0;
};

}  // namespace vortex::wal::values
