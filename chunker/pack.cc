#include "chunker/pack.h"

#include "base/check.h"
#include "base/hash.h"
#include "chunker/compress.h"

namespace vortex::chunker {

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

// The steps of pack(), in their order.
class Packing {
 public:
  Packing(ChunkDraft draft, const PackOrder& order) : order_(order), block_(std::move(draft.block_)) {
    header_.plain_size = header_.packed_size = static_cast<std::uint32_t>(draft.size_);
    CHECK(draft.size_ > 0 && draft.size_ <= kChunkSizeMax);
  }

  StoredChunk run() {
    if (order_.sealer != nullptr) {
      header_.sealing = Sealing::aes_256_gcm;
      header_.ticket = order_.ticket;
    }
    StoredChunk chunk;
    ByteView plain = block_.view().subspan(kHeaderSize, header_.plain_size);
    Buffer packed = compressed(plain);
    // The name of an unsealed chunk is its plain content's; while that is at hand, a raw one gets its sums, too.
    bool compressed = !packed.empty();
    if (compressed && order_.sealer == nullptr) chunk.id = sha256(plain);
    if (compressed) block_ = std::move(packed);
    block_ = block_.slice(0, header_.stored_size());
    MutableBytes bytes = block_.writable();
    encode_header(header_, bytes.first(kHeaderSize));
    if (order_.sealer != nullptr) {
      order_.sealer->seal(header_, bytes.first(kHeaderSize), order_.file_offset,
                          bytes.subspan(kHeaderSize, header_.packed_size), bytes.last(kSealTagSize));
    }
    if (compressed && order_.sealer == nullptr) {
      chunk.sums = block_sums(bytes);
    } else {
      Identity identity = identify(bytes, order_.sealer == nullptr ? kHeaderSize : 0);
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
    Buffer out = Buffer::allocate(kHeaderSize + packed_max(plain.size()) + kSealTagSize);
    std::size_t size =
        compress(order_.compression, plain, out.writable().subspan(kHeaderSize, packed_max(plain.size())));
    if (size == 0) return {};
    header_.compression = Compression::lz4;
    header_.packed_size = static_cast<std::uint32_t>(size);
    if (order_.sealer == nullptr) header_.packed_sum = xxh3(out.view().subspan(kHeaderSize, size));
    return out;
  }

  const PackOrder& order_;
  Buffer block_;
  ChunkHeader header_;
};

StoredChunk pack(ChunkDraft draft, const PackOrder& order) { return Packing(std::move(draft), order).run(); }

namespace {

Result<Buffer> unpacked(const ChunkHeader& header, ByteView packed) {
  if (!header.sealed() && xxh3(packed) != header.packed_sum)
    return Error(Code::damaged, "compressed content does not match its checksum");
  Buffer plain = Buffer::allocate(header.plain_size);
  RETURN_IF_ERROR(decompress(packed, plain.writable()));
  return plain;
}

Error wrong_name(const ChunkId& id) {
  return Error(Code::damaged, "chunk " + id.short_hex() + " does not have the content it is named by");
}

}  // namespace

Result<Buffer> unpack(const ChunkId& id, const Buffer& stored, std::uint64_t file_offset, const SecretKey* file_key,
                      Trust trust) {
  ASSIGN_OR_RETURN(ChunkHeader header, decode_whole(stored));
  Buffer packed = stored.slice(kHeaderSize, header.packed_size);
  if (header.sealed()) {
    if (file_key == nullptr) return Error(Code::permission_denied, "the chunk is sealed and there is no key");
    if (trust == Trust::nothing && sha256(stored) != id) return wrong_name(id);
    Buffer opened = Buffer::allocate(header.packed_size);
    RETURN_IF_ERROR(unseal(*file_key, header, stored.view().first(kHeaderSize), file_offset, packed,
                           stored.view().last(kSealTagSize), opened.writable()));
    packed = std::move(opened);
  }
  Buffer plain = packed;
  if (header.compression != Compression::none) {
    ASSIGN_OR_RETURN(plain, unpacked(header, packed));
  }
  if (!header.sealed() && trust == Trust::nothing && sha256(plain) != id) return wrong_name(id);
  return plain;
}

Status check_stored(const ChunkId& id, ByteView stored) {
  ASSIGN_OR_RETURN(ChunkHeader header, decode_whole(stored));
  if (header.sealed()) return sha256(stored) == id ? Status() : wrong_name(id);
  ByteView packed = stored.subspan(kHeaderSize, header.packed_size);
  if (header.plain()) return sha256(packed) == id ? Status() : wrong_name(id);
  ASSIGN_OR_RETURN(Buffer plain, unpacked(header, packed));
  return sha256(plain) == id ? Status() : wrong_name(id);
}

}  // namespace vortex::chunker
