#include "chunker/pack.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "chunker/compress.h"

namespace vortex::chunker {
namespace {

std::size_t compressed_block(std::size_t plain_size) { return kHeaderSize + packed_max(plain_size) + kSealTagSize; }

}  // namespace

ChunkDraft::ChunkDraft(ChunkDraft&& other) noexcept
    : block_(std::exchange(other.block_, Buffer())), size_(std::exchange(other.size_, 0)) {}

ChunkDraft& ChunkDraft::operator=(ChunkDraft&& other) noexcept {
  block_ = std::exchange(other.block_, Buffer());
  size_ = std::exchange(other.size_, 0);
  return *this;
}

MutableBytes ChunkDraft::room() {
  if (block_.empty()) return {};
  return block_.writable().subspan(kHeaderSize + size_, block_.size() - kOverhead - size_);
}

ChunkDraft ChunkDraft::copy_of(ByteView plain) {
  ChunkDraft draft(plain.size());
  draft.append(plain);
  return draft;
}

void ChunkDraft::append(std::size_t count) {
  CHECK(count <= room().size());
  size_ += count;
}

void ChunkDraft::append(ByteView bytes) {
  CHECK(bytes.size() <= room().size());
  if (!bytes.empty()) std::memcpy(room().data(), bytes.data(), bytes.size());
  size_ += bytes.size();
}

void ChunkDraft::truncate(std::size_t size) {
  CHECK(size <= size_);
  size_ = size;
}

std::size_t packing_memory(const ChunkDraft& draft, Compression compression) {
  std::size_t second = 0;
  if (draft.memory() > kSlackMax * draft.size()) second = draft.size() + kHeaderSize + kSealTagSize;
  if (compression != Compression::none) second = std::max(second, compressed_block(draft.size()));
  return draft.memory() + second;
}

// The steps of pack(), in their order.
class Packing {
 public:
  Packing(ChunkDraft draft, PackOrder order) : order_(std::move(order)), block_(std::move(draft.block_)) {
    header_.plain_size = header_.packed_size = static_cast<std::uint32_t>(draft.size_);
    CHECK(draft.size_ > 0 && draft.size_ <= kChunkSizeMax);
  }

  StoredChunk run() {
    const bool sealed = order_.seal.has_value();
    if (sealed) {
      header_.sealing = Sealing::aes_256_gcm;
      header_.ticket = order_.seal->ticket();
    }
    StoredChunk chunk;
    ByteView plain = block_.view().subspan(kHeaderSize, header_.plain_size);
    Buffer packed = compressed(plain);
    // The name of an unsealed chunk is its plain content's; while that is at hand, a raw one gets its sums, too.
    const bool compressed = !packed.empty();
    if (compressed && !sealed) chunk.id = sha256(plain);
    if (compressed) block_ = std::move(packed);
    fit();
    chunk.memory = block_.size();
    block_ = block_.slice(0, header_.stored_size());
    MutableBytes bytes = block_.writable();
    encode_header(header_, bytes.first(kHeaderSize));
    if (sealed) {
      std::move(*order_.seal)
          .seal(header_, bytes.first(kHeaderSize), order_.file_offset, bytes.subspan(kHeaderSize, header_.packed_size),
                bytes.last(kSealTagSize));
    }
    if (compressed && !sealed) {
      chunk.sums = block_sums(bytes);
    } else {
      Identity identity = identify(bytes, sealed ? 0 : kHeaderSize);
      chunk.id = identity.id;
      chunk.sums = std::move(identity.sums);
    }
    chunk.file_offset = order_.file_offset;
    chunk.header = header_;
    chunk.stored = std::move(block_);
    return chunk;
  }

 private:
  // A block with the compressed content in its place, or nothing.
  Buffer compressed(ByteView plain) {
    if (order_.compression == Compression::none || packed_max(plain.size()) == 0 || !may_shrink(plain)) return {};
    Buffer out = Buffer::allocate(compressed_block(plain.size()));
    std::size_t size =
        compress(order_.compression, plain, out.writable().subspan(kHeaderSize, packed_max(plain.size())));
    if (size == 0) return {};
    header_.compression = Compression::lz4;
    header_.packed_size = static_cast<std::uint32_t>(size);
    if (!order_.seal) header_.packed_sum = xxh3(out.view().subspan(kHeaderSize, size));
    return out;
  }

  // Moves the content to a block of its size when the present one is far too large.
  void fit() {
    if (block_.size() <= kSlackMax * header_.stored_size()) return;
    Buffer own = Buffer::allocate(header_.stored_size());
    std::memcpy(own.writable().data() + kHeaderSize, block_.data() + kHeaderSize, header_.packed_size);
    block_ = std::move(own);
  }

  PackOrder order_;
  Buffer block_;
  ChunkHeader header_;
};

StoredChunk pack(ChunkDraft draft, PackOrder order) { return Packing(std::move(draft), std::move(order)).run(); }

}  // namespace vortex::chunker
