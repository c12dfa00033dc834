// What names a chunk (SHA-256) and what checks a copy of it (one XXH3 for every 64 KiB of its stored form).
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/result.h"

namespace vortex::chunker {

using BlockSums = std::vector<std::uint64_t>;

inline std::size_t block_count(std::size_t size) { return (size + kChunkCheckBlock - 1) / kChunkCheckBlock; }

BlockSums block_sums(ByteView stored);

struct Identity {
  ChunkId id;
  BlockSums sums;
};

// The sums of all of `bytes` and the SHA-256 of what stands behind the first `unhashed` of them, in one pass: each
// block goes through both while it is in the first-level cache. `unhashed` is at most a block.
Identity identify(ByteView bytes, std::size_t unhashed = 0);

// A range of bytes widened to whole blocks (the last block of `size` bytes may be short).
struct BlockRange {
  std::size_t first = 0;  // index of its first sum
  std::size_t count = 0;
  std::size_t offset = 0;
  std::size_t length = 0;
};
// The range lies within `size`.
BlockRange blocks_covering(std::size_t offset, std::size_t length, std::size_t size);

// `blocks` begins at block `first` of the copy that `sums` describe and ends at the end of a block. `damaged`, naming
// the block, when one does not match.
Status check_blocks(ByteView blocks, std::size_t first, const BlockSums& sums);

}  // namespace vortex::chunker
