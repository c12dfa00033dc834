// The shards of a coded chunk: a small head with checksums of its own, then a part of the chunk's stored form (a data
// shard) or what stands in for lost ones (a parity shard). See README.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "chunker/erasure.h"
#include "chunker/pack.h"

namespace vortex::chunker {

struct ShardHead {
  static constexpr std::uint32_t kMagic = 0x31535856;  // "VXS1"
  static constexpr std::uint8_t kVersion = 1;

  CodePolicy code;
  std::uint8_t index = 0;
  ChunkId chunk;
  std::uint32_t chunk_stored_size = 0;  // of the whole stored form
  std::uint32_t chunk_form = 0;         // the first 4 bytes of its header's checksum: LZ4 has several forms of a chunk
  BlockSums sums;                       // of this shard's data, one for every 64 KiB

  bool operator==(const ShardHead&) const = default;
};

// The head of a shard with this much data has this size.
std::size_t shard_head_size(std::size_t data_size);
ByteVector encode_shard_head(const ShardHead& head);
// Reads from the front of `bytes`, which may go on behind the head. `damaged` or `unsupported_version`.
Result<ShardHead> decode_shard_head(ByteView bytes);

// Data shards share the memory of the chunk.
struct Shard {
  ByteVector head;
  Buffer data;
};

// All k + m, in order. Any thread.
std::vector<Shard> make_shards(const ErasureCode& code, const StoredChunk& chunk);

// May these be used together: are they shards of the same stored form in the same code?
bool same_chunk(const ShardHead& a, const ShardHead& b);
// Does this data belong to that head?
Status check_shard(const ShardHead& head, ByteView data);

// What to read of which shard: a range of its data, whole blocks of 64 KiB, so that check_blocks() with the head's sums
// applies.
struct ShardPiece {
  int shard = 0;
  std::size_t offset = 0;
  std::size_t length = 0;
  bool operator==(const ShardPiece&) const = default;
};

// Reading a range of a coded chunk's stored form from shards whose heads say same_chunk(), from as few shards as can
// be: from the data shards where it stands or, where these are lost, from k others at the same columns.
class ShardRead {
 public:
  // `damaged`, with the numbers, when fewer than k shards would have to do. The range lies within `stored_size`.
  static Result<ShardRead> plan(CodePolicy code, std::size_t stored_size, std::size_t offset, std::size_t length,
                                ShardSet available);

  const std::vector<ShardPiece>& pieces() const { return pieces_; }
  // The range, from the pieces' bytes, in the order of pieces(). `damaged` when one has not the length asked for.
  Result<Buffer> assemble(const ErasureCode& code, std::span<const ByteView> bytes) const;

 private:
  ShardRead(CodePolicy code, std::size_t stored_size, std::size_t offset, std::size_t length)
      : code_(code), stored_size_(stored_size), offset_(offset), length_(length) {}
  ByteView columns(std::span<const ByteView> bytes, int shard, std::size_t begin, std::size_t end) const;

  CodePolicy code_;
  std::size_t stored_size_, offset_, length_;
  std::vector<ShardPiece> pieces_;                   // by shard
  std::vector<int> lost_, sources_;                  // what is made, and from what; both empty when nothing is lost
  std::size_t columns_begin_ = 0, columns_end_ = 0;  // of what is made
};

// Repair: shard `wanted` of this chunk again, head and all, from the whole data of others. Sources that do not match
// their heads, or not the chunk, or are of a stored form of another size (which is another form: the chunk's record and
// its extents say which one is meant) are not used: new checksums must not cover old damage. `damaged`, naming the
// first of them, when fewer than k are left.
struct ShardSource {
  ShardHead head;
  ByteView data;
};
Result<Shard> rebuild_shard(const ErasureCode& code, const ChunkId& chunk, std::size_t stored_size,
                            std::span<const ShardSource> sources, int wanted);

}  // namespace vortex::chunker
