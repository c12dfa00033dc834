// What a stretch of a file is made of: a part of a chunk, or nothing (a hole). 45 bytes when stored.
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
inline constexpr std::size_t kRecordSize = 45;
using Record = std::array<std::uint8_t, kRecordSize>;

inline constexpr std::uint64_t kFileSizeMax = std::uint64_t(1) << 62;

struct Extent {
  ChunkId chunk;                  // zero: a hole, which reads as zeros
  std::uint64_t length = 0;       // bytes of the file; never 0
  std::uint32_t skip = 0;         // where in the chunk's plain content they begin
  std::uint32_t stored_size = 0;  // of the chunk
  bool compressed = false;        // the form of its copies: a chunk that is there already in another form keeps that
  bool sealed = false;            // one, and the extent says so; else a range could not be read alone
  CodePolicy code;                // how it was stored; the chunk's own record has the last word

  static Extent hole(std::uint64_t length);
  // All of a chunk.
  static Extent of(const StoredChunk& chunk, CodePolicy code);

  bool is_hole() const { return chunk.is_zero(); }
  StoredForm form() const { return {stored_size, compressed, sealed}; }
  // Bytes [from, from + count) of this extent.
  Extent part(std::uint64_t from, std::uint64_t count) const;
  bool operator==(const Extent&) const = default;
};

struct PlacedExtent {
  std::uint64_t offset = 0;  // in the file
  Extent extent;
  bool operator==(const PlacedExtent&) const = default;
};

// Numbers in a record: `width` bytes from `at`, little-endian.
std::uint64_t record_number(const Record& record, std::size_t at, std::size_t width);
void put_record_number(Record& record, std::size_t at, std::size_t width, std::uint64_t number);

Record encode_extent(const Extent& extent);
// `damaged` when it is none.
Result<Extent> decode_extent(const Record& record);

}  // namespace vortex::chunker
