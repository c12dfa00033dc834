#include "chunker/identity.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/hash.h"

namespace vortex::chunker {
namespace {

ByteView block(ByteView bytes, std::size_t index) {
  std::size_t offset = index * kChunkCheckBlock;
  return bytes.subspan(offset, std::min(kChunkCheckBlock, bytes.size() - offset));
}

}  // namespace

BlockSums block_sums(ByteView stored) {
  BlockSums sums(block_count(stored.size()));
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = xxh3(block(stored, i));
  return sums;
}

Identity identify(ByteView bytes, std::size_t unhashed) {
  CHECK(unhashed <= kChunkCheckBlock && unhashed <= bytes.size());
  thread_local Sha256 sha;
  Identity identity;
  identity.sums.resize(block_count(bytes.size()));
  for (std::size_t i = 0; i < identity.sums.size(); ++i) {
    ByteView piece = block(bytes, i);
    identity.sums[i] = xxh3(piece);
    sha.update(i == 0 ? piece.subspan(unhashed) : piece);
  }
  identity.id = sha.finish();
  return identity;
}

BlockRange blocks_covering(std::size_t offset, std::size_t length, std::size_t size) {
  CHECK(offset <= size && length <= size - offset);
  if (length == 0) return {};
  BlockRange range;
  range.first = offset / kChunkCheckBlock;
  range.offset = range.first * kChunkCheckBlock;
  std::size_t end = std::min(block_count(offset + length) * kChunkCheckBlock, size);
  range.length = end - range.offset;
  range.count = block_count(range.length);
  return range;
}

Status check_blocks(ByteView blocks, std::size_t first, const BlockSums& sums) {
  std::size_t count = block_count(blocks.size());
  if (first > sums.size() || count > sums.size() - first) return Error(Code::damaged, "more blocks than checksums");
  for (std::size_t i = 0; i < count; ++i)
    if (xxh3(block(blocks, i)) != sums[first + i])
      return Error(Code::damaged, "block " + std::to_string(first + i) + " does not match its checksum");
  return {};
}

}  // namespace vortex::chunker
