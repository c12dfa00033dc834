// One chunk from plain bytes to its stored form and back.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/id.h"
#include "chunker/form.h"
#include "chunker/identity.h"
#include "chunker/policy.h"
#include "chunker/sealer.h"

namespace vortex::chunker {

// A chunk's bytes on their way to becoming a stored form: room for the header before them and for a seal's tag behind,
// so that a chunk that stays raw is never copied.
class ChunkDraft {
 public:
  explicit ChunkDraft(std::size_t plain_max) : block_(Buffer::allocate(kHeaderSize + plain_max + kSealTagSize)) {}
  static ChunkDraft copy_of(ByteView plain);

  std::size_t size() const { return size_; }
  ByteView plain() const { return block_.view().subspan(kHeaderSize, size_); }
  // The free rest; append() says how much of it was filled.
  MutableBytes room() { return block_.writable().subspan(kHeaderSize + size_, block_.size() - kOverhead - size_); }
  void append(std::size_t count);
  void append(ByteView bytes);
  // Forgets what is behind the first `size` bytes.
  void truncate(std::size_t size);

 private:
  friend class Packing;
  static constexpr std::size_t kOverhead = kHeaderSize + kSealTagSize;
  Buffer block_;
  std::size_t size_ = 0;
};

struct StoredChunk {
  ChunkId id;
  std::uint64_t file_offset = 0;
  ChunkHeader header;
  Buffer stored;   // header and content
  BlockSums sums;  // of `stored`
};

// What the draft's bytes become. A sealed chunk needs its sealer and a ticket of it.
struct PackOrder {
  Compression compression = Compression::none;
  const Sealer* sealer = nullptr;
  SealTicket ticket;
  std::uint64_t file_offset = 0;
};

// At least one byte. Any thread.
StoredChunk pack(ChunkDraft draft, const PackOrder& order);

// How much of a chunk was checked already by whoever brings it.
enum class Trust : std::uint8_t {
  nothing,    // bytes from anywhere: SHA-256 must give the id
  checksums,  // bytes that matched a copy's checksums on the way: only what unpacking itself finds
};

// The plain bytes. Not copied when they stand raw in `stored`. `file_key` is needed for sealed chunks only.
// `permission_denied` without it, `damaged` when anything does not fit.
Result<Buffer> unpack(const ChunkId& id, const Buffer& stored, std::uint64_t file_offset, const SecretKey* file_key,
                      Trust trust);

// Is this the chunk's stored form? Costs what unpacking costs, but no key: a sealed chunk is named by its sealed bytes.
Status check_stored(const ChunkId& id, ByteView stored);

}  // namespace vortex::chunker
