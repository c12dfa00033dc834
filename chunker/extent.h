// What a stretch of a file is made of: a part of a chunk, or nothing (a hole). 48 bytes when stored.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "chunker/pack.h"
#include "chunker/policy.h"

namespace vortex::chunker {

// An entry of a manifest: an Extent, or a reference to a manifest chunk below.
inline constexpr std::size_t kRecordSize = 48;
using Record = std::array<std::uint8_t, kRecordSize>;

inline constexpr std::uint64_t kFileSizeMax = std::uint64_t(1) << 62;

struct Extent {
  ChunkId chunk;                  // zero: a hole, which reads as zeros
  std::uint64_t length = 0;       // bytes of the file; never 0
  std::uint32_t skip = 0;         // where in the chunk's plain content they begin
  std::uint32_t stored_size = 0;  // of the chunk
  bool compressed = false;        // with `sealed`, says whether a range can be read alone
  bool sealed = false;
  CodePolicy code;  // how it was stored; the chunk's own record has the last word

  static Extent hole(std::uint64_t length);
  // All of a chunk.
  static Extent of(const StoredChunk& chunk, CodePolicy code);

  bool is_hole() const { return chunk.is_zero(); }
  // Bytes [from, from + count) of this extent.
  Extent part(std::uint64_t from, std::uint64_t count) const;
  bool operator==(const Extent&) const = default;
};

Record encode_extent(const Extent& extent);
// `damaged` when it is none.
Result<Extent> decode_extent(const Record& record);

}  // namespace vortex::chunker
