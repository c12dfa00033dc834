// One chunk from plain bytes to its stored form. The way back is unpack.h.
#pragma once

#include <cstdint>
#include <optional>

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
  // Bytes are in one draft only: two that share a block would overwrite each other. What was moved from is empty,
  // without room.
  ChunkDraft(ChunkDraft&& other) noexcept;
  ChunkDraft& operator=(ChunkDraft&& other) noexcept;
  static ChunkDraft copy_of(ByteView plain);

  std::size_t size() const { return size_; }
  // Bytes it occupies.
  std::size_t memory() const { return block_.size(); }
  ByteView plain() const { return size_ == 0 ? ByteView() : block_.view().subspan(kHeaderSize, size_); }
  // The free rest; append() says how much of it was filled.
  MutableBytes room();
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
  Buffer stored;           // header and content
  BlockSums sums;          // of `stored`
  std::size_t memory = 0;  // what `stored` keeps occupied: at most kSlackMax times its size
};

// A stored form in a larger block than this many times its size is moved to one of its own.
inline constexpr std::size_t kSlackMax = 2;

// What the draft's bytes become.
struct PackOrder {
  Compression compression = Compression::none;
  std::optional<SealTurn> seal;  // sealed when there is one
  std::uint64_t file_offset = 0;
};

// At least one byte. Any thread.
StoredChunk pack(ChunkDraft draft, PackOrder order);
// Memory that pack() may need at once, the draft's included.
std::size_t packing_memory(const ChunkDraft& draft, Compression compression);

}  // namespace vortex::chunker
