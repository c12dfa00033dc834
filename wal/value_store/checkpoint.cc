#include "wal/value_store/checkpoint.h"

#include <algorithm>
#include <set>

#include "base/endian.h"
#include "base/hash.h"

namespace vortex::wal::values {

namespace {
constexpr std::uint32_t kBlockMagic = 0x49425856;  // "VXBI"
enum BlockKind : std::uint32_t { kHead = 1, kSegments = 2, kEntries = 3, kTouches = 4, kEnd = 5 };
// A block is written when it has got so long; one item more never makes it exceed what readers take.
constexpr std::size_t kBlockBytesWanted = kMiB;
// Items of a segment's longest list: one for every segment that its tombstones wait for, of which a large disk has
// many.
constexpr std::size_t kListMax = 128 * 1024;
static_assert(kBlockBytesWanted + kListMax * (4 + 16 + 12) + 64 <= kBlockBytesMax);

// checksum 8 | magic 4 | kind 4 | count 4 | bytes 4 | index 4 | zero 4 | payload
class BlockWriter {
 public:
  explicit BlockWriter(File& file) : file_(file) {}

  Encoder begin_item(BlockKind kind) {
    CHECK(kind_ == 0 || kind_ == kind);
    kind_ = kind;
    ++count_;
    return Encoder(payload_);
  }
  Task<Status> flush_when_long() {
    if (payload_.size() < kBlockBytesWanted) co_return Status();
    co_return co_await flush();
  }
  Task<Status> flush() {
    if (count_ == 0) co_return Status();
    ByteVector header(kBlockHeaderBytes);
    store_le(header.data() + 8, kBlockMagic);
    store_le(header.data() + 12, kind_);
    store_le(header.data() + 16, count_);
    store_le(header.data() + 20, static_cast<std::uint32_t>(payload_.size()));
    store_le(header.data() + 24, index_++);
    store_le(header.data(), xxh3(payload_, xxh3(ByteView(header).subspan(8))));
    const ByteView pieces[] = {ByteView(header), ByteView(payload_)};
    CO_RETURN_IF_ERROR(co_await file_.write_at(offset_, pieces));
    offset_ += header.size() + payload_.size();
    payload_.clear();
    kind_ = count_ = 0;
    co_return Status();
  }

 private:
  File& file_;
  ByteVector payload_;
  std::uint32_t kind_ = 0, count_ = 0, index_ = 0;
  std::uint64_t offset_ = 0;
};

CheckpointSegment describe(const Segment& from) {
  CheckpointSegment to;
  to.number = from.number;
  to.ordinal = from.ordinal;
  to.epoch = from.epoch;
  to.end = from.end;
  to.flags = static_cast<std::uint8_t>((from.sealed ? CheckpointSegment::kSealed : 0) |
                                       (from.pinned ? CheckpointSegment::kPinned : 0));
  to.copied_from.assign(from.copied_from.begin(), from.copied_from.end());
  to.torn = from.torn;
  for (auto& [victims, records] : from.debts) {
    CheckpointDebt debt;
    debt.victim = victims.first;
    debt.also = victims.second;
    debt.records = records;
    to.debts.push_back(debt);
  }
  return to;
}
}  // namespace

Task<Status> write_checkpoint(File& file, const CheckpointHead& head, const Catalog& catalog) {
  // The ends come first, at one moment; all that follows is at least as new.
  std::vector<CheckpointSegment> segments;
  std::set<std::uint32_t> described_numbers;
  for (auto& segment : catalog.segments()) {
    CheckpointSegment described = describe(*segment);
    if (described.debts.size() > kListMax || described.torn.size() > kListMax ||
        described.copied_from.size() > kListMax)
      co_return Error(Code::too_large, "a segment has too many lists to be checkpointed");
    described_numbers.insert(described.number);
    segments.push_back(std::move(described));
  }
  BlockWriter out(file);
  out.begin_item(kHead).put(head);
  CO_RETURN_IF_ERROR(co_await out.flush());
  CheckpointEnd end;
  for (const CheckpointSegment& segment : segments) {
    out.begin_item(kSegments).put(segment);
    ++end.segments;
    CO_RETURN_IF_ERROR(co_await out.flush_when_long());
  }
  CO_RETURN_IF_ERROR(co_await out.flush());
  std::vector<ValueIndex::Entry> entries;
  for (std::size_t shard = 0; shard < ValueIndex::kShards; ++shard) {
    entries.clear();
    catalog.index().copy_shard(shard, entries);
    end.entries += entries.size();
    for (const ValueIndex::Entry& entry : entries) {
      out.begin_item(kEntries)(entry.id, entry.location);
      CO_RETURN_IF_ERROR(co_await out.flush_when_long());
    }
  }
  CO_RETURN_IF_ERROR(co_await out.flush());
  std::vector<CheckpointTouch> touches;
  touches.reserve(catalog.touches().size());
  for (auto& [id, touch] : catalog.touches()) {
    CheckpointTouch& item = touches.emplace_back();
    item.id = id;
    item.number = touch.number;
    item.ordinal = touch.ordinal;
    item.place = catalog.find(id).bits();
  }
  std::sort(touches.begin(), touches.end(), [](auto& a, auto& b) { return a.id < b.id; });
  for (const CheckpointTouch& touch : touches) {
    out.begin_item(kTouches).put(touch);
    ++end.touches;
    CO_RETURN_IF_ERROR(co_await out.flush_when_long());
  }
  CO_RETURN_IF_ERROR(co_await out.flush());
  // Entries may name segments that came meanwhile. All of those is read again, so there is nothing to say about them.
  for (auto& segment : catalog.segments()) {
    if (described_numbers.count(segment->number) != 0) continue;
    CheckpointSegment fresh;
    fresh.number = segment->number;
    fresh.ordinal = segment->ordinal;
    fresh.epoch = segment->epoch;
    out.begin_item(kSegments).put(fresh);
    ++end.segments;
    CO_RETURN_IF_ERROR(co_await out.flush_when_long());
  }
  CO_RETURN_IF_ERROR(co_await out.flush());
  out.begin_item(kEnd).put(end);
  co_return co_await out.flush();
}

Result<BlockHeader> decode_block_header(ByteView header) {
  if (header.size() < kBlockHeaderBytes) return Error(Code::damaged, "index cut short");
  if (load_le<std::uint32_t>(header.data() + 8) != kBlockMagic || load_le<std::uint32_t>(header.data() + 28) != 0)
    return Error(Code::damaged, "index damaged: no block where one should be");
  BlockHeader block;
  block.kind = load_le<std::uint32_t>(header.data() + 12);
  block.count = load_le<std::uint32_t>(header.data() + 16);
  block.bytes = load_le<std::uint32_t>(header.data() + 20);
  block.index = load_le<std::uint32_t>(header.data() + 24);
  if (block.kind < kHead || block.kind > kEnd || block.bytes > kBlockBytesMax || block.count == 0)
    return Error(Code::damaged, "index damaged: impossible block");
  return block;
}

Result<bool> CheckpointParser::block(ByteView header, ByteView payload) {
  ASSIGN_OR_RETURN(BlockHeader block, decode_block_header(header));
  std::uint64_t sum = xxh3(payload, xxh3(header.first(kBlockHeaderBytes).subspan(8)));
  if (payload.size() != block.bytes || load_le<std::uint64_t>(header.data()) != sum)
    return Error(Code::damaged, "index damaged: block " + std::to_string(next_index_));
  if (block.index != next_index_ || (block.index == 0) != (block.kind == kHead))
    return Error(Code::damaged, "index damaged: a block is missing");
  ++next_index_;
  RETURN_IF_ERROR(items(block, payload));
  return block.kind == kEnd;
}

Status CheckpointParser::items(const BlockHeader& header, ByteView payload) {
  const Error malformed(Code::damaged, "index damaged: malformed block");
  if (header.kind == kEntries) {
    if (payload.size() != std::size_t(header.count) * sizeof(ValueIndex::Entry)) return malformed;
    std::vector<ValueIndex::Entry> entries(header.count);
    std::memcpy(static_cast<void*>(entries.data()), payload.data(), payload.size());
    seen_.entries += header.count;
    return visitor_.entries(entries);
  }
  Decoder decoder(payload);
  for (std::uint32_t i = 0; i < header.count; ++i) {
    if (header.kind == kHead) {
      CheckpointHead head;
      decoder.get(head);
      if (!decoder.ok() || header.count != 1) return malformed;
      if (head.version < kStoreVersionOldest || head.version > kStoreVersion)
        return Error(Code::unsupported_version, "index of version " + std::to_string(head.version));
      RETURN_IF_ERROR(visitor_.head(head));
    } else if (header.kind == kSegments) {
      CheckpointSegment segment;
      decoder.get(segment);
      if (!decoder.ok() || segment.flags > (CheckpointSegment::kSealed | CheckpointSegment::kPinned)) return malformed;
      ++seen_.segments;
      RETURN_IF_ERROR(visitor_.segment(segment));
    } else if (header.kind == kTouches) {
      CheckpointTouch touch;
      decoder.get(touch);
      if (!decoder.ok()) return malformed;
      ++seen_.touches;
      RETURN_IF_ERROR(visitor_.touch(touch));
    } else {
      CheckpointEnd end;
      decoder.get(end);
      if (!decoder.ok() || end.entries != seen_.entries || end.touches != seen_.touches ||
          end.segments != seen_.segments)
        return malformed;
    }
  }
  return decoder.finished() ? Status() : Status(malformed);
}

Task<Status> read_checkpoint(File& file, CheckpointVisitor& visitor) {
  CheckpointParser parser(visitor);
  ByteVector block;
  for (std::uint64_t offset = 0;;) {
    block.resize(kBlockHeaderBytes);
    MutableBytes head(block);
    CO_ASSIGN_OR_RETURN(std::size_t got, co_await file.read_at(offset, head));
    if (got < kBlockHeaderBytes) co_return Error(Code::damaged, "index cut short");
    CO_ASSIGN_OR_RETURN(BlockHeader header, decode_block_header(head));
    block.resize(kBlockHeaderBytes + header.bytes);
    MutableBytes payload = MutableBytes(block).subspan(kBlockHeaderBytes);
    CO_ASSIGN_OR_RETURN(std::size_t more, co_await file.read_at(offset + kBlockHeaderBytes, payload));
    if (more < header.bytes) co_return Error(Code::damaged, "index cut short");
    CO_ASSIGN_OR_RETURN(bool last, parser.block(ByteView(block).first(kBlockHeaderBytes), payload));
    if (last) co_return Status();
    offset += kBlockHeaderBytes + header.bytes;
  }
}

}  // namespace vortex::wal::values
