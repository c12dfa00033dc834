#include "chunker/shard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/check.h"
#include "base/hash.h"

namespace vortex::chunker {
namespace {

constexpr std::size_t kFixedSize = 48, kVersionAt = 4, kChecksumSize = 8;

struct Layout {
  std::uint32_t magic = ShardHead::kMagic;
  std::uint8_t version = ShardHead::kVersion;
  CodePolicy code;
  std::uint8_t index = 0;
  ChunkId chunk;
  std::uint32_t chunk_stored_size = 0;
  std::uint32_t chunk_form = 0;
  VORTEX_FIELDS(magic, version, code, index, chunk, chunk_stored_size, chunk_form)
};

Error damaged(std::string_view why) { return Error(Code::damaged, "shard: " + std::string(why)); }

Error too_few(CodePolicy code, std::size_t there) {
  return Error(Code::damaged, "of " + std::to_string(code.shards()) + " shards " + std::to_string(code.data) +
                                  " are needed and only " + std::to_string(there) + " are there");
}

}  // namespace

std::size_t shard_head_size(std::size_t data_size) {
  return kFixedSize + sizeof(std::uint64_t) * block_count(data_size) + kChecksumSize;
}

ByteVector encode_shard_head(const ShardHead& head) {
  ByteVector out;
  Encoder encoder(out);
  Layout layout;
  layout.code = head.code;
  layout.index = head.index;
  layout.chunk = head.chunk;
  layout.chunk_stored_size = head.chunk_stored_size;
  layout.chunk_form = head.chunk_form;
  encoder.put(layout);
  CHECK(out.size() == kFixedSize);
  for (std::uint64_t sum : head.sums) encoder.put(sum);
  encoder.put(xxh3(out));
  return out;
}

Result<ShardHead> decode_shard_head(ByteView bytes) {
  if (bytes.size() < kFixedSize) return damaged("head cut short");
  if (load_le<std::uint32_t>(bytes.data()) != ShardHead::kMagic) return damaged("wrong magic");
  // Only of a known form is it known what stands where, and what is possible.
  if (bytes[kVersionAt] != ShardHead::kVersion)
    return Error(Code::unsupported_version, "shard in form " + std::to_string(bytes[kVersionAt]));
  auto layout = decode<Layout>(bytes.first(kFixedSize));
  if (!layout.ok()) return damaged("impossible field");
  // The number of sums follows from fields that the checksum behind the sums has yet to prove: bound it first.
  if (!layout->code.coded() || !validate(layout->code).ok() || layout->index >= layout->code.shards())
    return damaged("impossible code");
  if (layout->chunk_stored_size == 0 || layout->chunk_stored_size > kChunkStoredMax) return damaged("impossible size");
  std::size_t data_size = shard_data_size(layout->code, layout->chunk_stored_size, layout->index);
  std::size_t size = shard_head_size(data_size);
  if (bytes.size() < size) return damaged("head cut short");
  if (load_le<std::uint64_t>(bytes.data() + size - kChecksumSize) != xxh3(bytes.first(size - kChecksumSize)))
    return damaged("head does not match its checksum");
  ShardHead head{layout->code, layout->index, layout->chunk, layout->chunk_stored_size, layout->chunk_form, {}};
  for (std::size_t i = 0; i < block_count(data_size); ++i)
    head.sums.push_back(load_le<std::uint64_t>(bytes.data() + kFixedSize + i * sizeof(std::uint64_t)));
  return head;
}

namespace {
// `head` tells about the chunk.
Shard finish_shard(ShardHead head, int index, Buffer data) {
  head.index = static_cast<std::uint8_t>(index);
  head.sums = block_sums(data);
  return Shard{encode_shard_head(head), std::move(data)};
}
}  // namespace

std::vector<Shard> make_shards(const ErasureCode& code, const StoredChunk& chunk) {
  const CodePolicy policy = code.policy();
  const std::size_t size = chunk.stored.size(), full = code.shard_size(size);
  std::vector<Buffer> data;
  for (int i = 0; i < policy.data; ++i) {
    std::size_t begin = std::min(full * static_cast<std::size_t>(i), size);
    data.push_back(chunk.stored.slice(begin, code.shard_size(size, i)));
  }
  std::array<MutableBytes, kParityShardsMax> parity;
  for (int i = 0; i < policy.parity; ++i) {
    data.push_back(Buffer::allocate(full));
    parity[static_cast<std::size_t>(i)] = data.back().writable();
  }
  code.encode(chunk.stored, std::span(parity).first(policy.parity));
  ShardHead head{policy, 0, chunk.id, static_cast<std::uint32_t>(size), 0, {}};
  head.chunk_form = load_le<std::uint32_t>(chunk.stored.data() + kHeaderSize - sizeof(std::uint64_t));
  std::vector<Shard> shards;
  for (int i = 0; i < policy.shards(); ++i)
    shards.push_back(finish_shard(head, i, std::move(data[static_cast<std::size_t>(i)])));
  return shards;
}

bool same_chunk(const ShardHead& a, const ShardHead& b) {
  return a.code == b.code && a.chunk == b.chunk && a.chunk_stored_size == b.chunk_stored_size &&
         a.chunk_form == b.chunk_form;
}

Status check_shard(const ShardHead& head, ByteView data) {
  if (data.size() != shard_data_size(head.code, head.chunk_stored_size, head.index)) return damaged("wrong size");
  return check_blocks(data, 0, head.sums);
}

Result<ShardRead> ShardRead::plan(CodePolicy code, std::size_t stored_size, std::size_t offset, std::size_t length,
                                  ShardSet available) {
  CHECK(code.coded() && validate(code).ok());
  CHECK(offset <= stored_size && length <= stored_size - offset);
  ShardRead read(code, stored_size, offset, length);
  if (length == 0) return read;
  const std::size_t full = shard_data_size(code, stored_size);
  auto there = [available](int index) { return (available >> index & 1) != 0; };
  // The columns of each touched data shard, and the hull of those of the lost ones.
  const int first = static_cast<int>(offset / full), last = static_cast<int>((offset + length - 1) / full);
  read.columns_begin_ = full;
  std::array<BlockRange, kDataShardsMax + kParityShardsMax> ranges{};
  for (int i = first; i <= last; ++i) {
    std::size_t base = full * static_cast<std::size_t>(i), size = shard_data_size(code, stored_size, i);
    std::size_t begin = std::max(offset, base) - base, end = std::min(offset + length, base + size) - base;
    BlockRange range = blocks_covering(begin, end - begin, size);
    if (there(i)) {
      ranges[static_cast<std::size_t>(i)] = range;
    } else {
      read.lost_.push_back(i);
      read.columns_begin_ = std::min(read.columns_begin_, range.offset);
      read.columns_end_ = std::max(read.columns_end_, range.offset + range.length);
    }
  }
  if (!read.lost_.empty()) {
    auto use = [&read, &code](int i) {
      if (read.sources_.size() < code.data) read.sources_.push_back(i);
    };
    // Those that are read anyhow come first, then data shards, then parity.
    for (int i = first; i <= last; ++i)
      if (there(i)) use(i);
    for (int i = 0; i < code.shards(); ++i)
      if (there(i) && (i < first || i > last)) use(i);
    if (read.sources_.size() < code.data) return too_few(code, read.sources_.size());
    for (int i : read.sources_) {
      BlockRange& range = ranges[static_cast<std::size_t>(i)];
      std::size_t size = shard_data_size(code, stored_size, i);
      std::size_t begin = std::min(read.columns_begin_, size), end = std::min(read.columns_end_, size);
      if (range.length > 0 && begin < end) {
        begin = std::min(begin, range.offset);
        end = std::max(end, range.offset + range.length);
      }
      if (begin < end) range = blocks_covering(begin, end - begin, size);
    }
  }
  for (int i = 0; i < code.shards(); ++i)
    if (const BlockRange& range = ranges[static_cast<std::size_t>(i)]; range.length > 0)
      read.pieces_.push_back(ShardPiece{i, range.offset, range.length});
  return read;
}

ByteView ShardRead::columns(std::span<const ByteView> bytes, int shard, std::size_t begin, std::size_t end) const {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].shard != shard) continue;
    std::size_t stop = std::min(end, pieces_[i].offset + pieces_[i].length);
    if (begin >= stop) break;
    CHECK(begin >= pieces_[i].offset);
    return bytes[i].subspan(begin - pieces_[i].offset, stop - begin);
  }
  return {};
}

Result<Buffer> ShardRead::assemble(const ErasureCode& code, std::span<const ByteView> bytes) const {
  CHECK(code.policy() == code_ && bytes.size() == pieces_.size());
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i].size() != pieces_[i].length) return damaged("a piece has the wrong length");
  if (length_ == 0) return Buffer();
  std::vector<ByteView> sources;
  for (int i : sources_) sources.push_back(columns(bytes, i, columns_begin_, columns_end_));
  std::vector<Buffer> made;
  std::vector<MutableBytes> outs;
  for (int i : lost_) {
    std::size_t size = std::min(columns_end_, code.shard_size(stored_size_, i));
    made.push_back(Buffer::allocate(size - std::min(size, columns_begin_)));
    outs.push_back(made.back().writable());
  }
  if (!lost_.empty()) code.reconstruct(sources_, sources, lost_, outs);

  Buffer out = Buffer::allocate(length_);
  const std::size_t full = code.shard_size(stored_size_);
  std::size_t done = 0;
  while (done < length_) {
    std::size_t at = offset_ + done, shard = at / full, column = at % full;
    std::size_t count = std::min(full - column, length_ - done);
    auto lost = std::find(lost_.begin(), lost_.end(), static_cast<int>(shard));
    ByteView from = lost == lost_.end() ? columns(bytes, static_cast<int>(shard), column, column + count)
                                        : made[static_cast<std::size_t>(lost - lost_.begin())].view().subspan(
                                              column - columns_begin_, count);
    CHECK(from.size() == count);
    std::memcpy(out.writable().data() + done, from.data(), count);
    done += count;
  }
  return out;
}

namespace {
// Is this a sound shard of that stored form?
Status check_source(const ShardSource& source, CodePolicy code, const ChunkId& chunk, std::size_t stored_size) {
  if (source.head.code != code || source.head.chunk != chunk) return damaged("of another chunk");
  if (source.head.chunk_stored_size != stored_size) return damaged("of another stored form");
  return check_shard(source.head, source.data);
}
}  // namespace

Result<Shard> rebuild_shard(const ErasureCode& code, const ChunkId& chunk, std::size_t stored_size,
                            std::span<const ShardSource> sources, int wanted) {
  const CodePolicy policy = code.policy();
  CHECK(wanted >= 0 && wanted < policy.shards());
  std::vector<const ShardSource*> sound;
  std::string bad;
  for (const ShardSource& source : sources) {
    Status status = check_source(source, policy, chunk, stored_size);
    if (status.ok()) sound.push_back(&source);
    if (!status.ok() && bad.empty())
      bad = "; source " + std::to_string(source.head.index) + " is bad: " + status.error().to_string();
  }
  // Usually all of one form; else whichever has enough: LZ4 may have several forms of one size.
  std::size_t most = 0;
  for (const ShardSource* like : sound) {
    ShardSet used = ShardSet(1) << wanted;
    std::vector<int> indexes;
    std::vector<ByteView> data;
    for (const ShardSource* source : sound) {
      const ShardSet bit = ShardSet(1) << source->head.index;
      if (indexes.size() == policy.data || (used & bit) != 0 || !same_chunk(like->head, source->head)) continue;
      used |= bit;
      indexes.push_back(source->head.index);
      data.push_back(source->data);
    }
    most = std::max(most, indexes.size());
    if (indexes.size() < policy.data) continue;
    Buffer made = Buffer::allocate(code.shard_size(stored_size, wanted));
    const std::array<MutableBytes, 1> outs{made.writable()};
    const std::array<int, 1> wants{wanted};
    code.reconstruct(indexes, data, wants, outs);
    return finish_shard(like->head, wanted, std::move(made));
  }
  return Error(Code::damaged, std::string(too_few(policy, most).message()) + bad);
}

}  // namespace vortex::chunker
