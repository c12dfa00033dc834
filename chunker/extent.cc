#include "chunker/extent.h"

#include <algorithm>

#include "base/check.h"
#include "base/endian.h"

namespace vortex::chunker {
namespace {

// Offsets in a record. A hole keeps the high half of its length where an extent has `skip`.
constexpr std::size_t kLengthAt = 32, kSkipAt = 36, kStoredAt = 40, kFormAt = 44, kDataAt = 45, kParityAt = 46,
                      kZeroAt = 47;
static_assert(kZeroAt + 1 == kRecordSize);
constexpr std::uint8_t kCompressedBit = 1, kSealedBit = 2;

Error damaged(const char* why) { return Error(Code::damaged, std::string("extent: ") + why); }

}  // namespace

Extent Extent::hole(std::uint64_t length) {
  Extent extent;
  extent.length = length;
  return extent;
}

Extent Extent::of(const StoredChunk& chunk, CodePolicy code) {
  Extent extent;
  extent.chunk = chunk.id;
  extent.length = chunk.header.plain_size;
  extent.stored_size = static_cast<std::uint32_t>(chunk.stored.size());
  extent.compressed = chunk.header.compression != Compression::none;
  extent.sealed = chunk.header.sealed();
  extent.code = code;
  return extent;
}

Extent Extent::part(std::uint64_t from, std::uint64_t count) const {
  CHECK(count > 0 && from <= length && count <= length - from);
  Extent extent = *this;
  extent.length = count;
  if (!is_hole()) extent.skip += static_cast<std::uint32_t>(from);
  return extent;
}

Record encode_extent(const Extent& extent) {
  Record record{};
  std::copy(extent.chunk.bytes.begin(), extent.chunk.bytes.end(), record.begin());
  store_le(record.data() + kLengthAt, static_cast<std::uint32_t>(extent.length));
  if (extent.is_hole()) {
    store_le(record.data() + kSkipAt, static_cast<std::uint32_t>(extent.length >> 32));
  } else {
    store_le(record.data() + kSkipAt, extent.skip);
    store_le(record.data() + kStoredAt, extent.stored_size);
    record[kFormAt] =
        static_cast<std::uint8_t>((extent.compressed ? kCompressedBit : 0) | (extent.sealed ? kSealedBit : 0));
    record[kDataAt] = extent.code.data;
    record[kParityAt] = extent.code.parity;
  }
  CHECK(decode_extent(record).ok());
  return record;
}

Result<Extent> decode_extent(const Record& record) {
  Extent extent;
  std::copy_n(record.begin(), Id::kSize, extent.chunk.bytes.begin());
  extent.length = load_le<std::uint32_t>(record.data() + kLengthAt);
  auto second = load_le<std::uint32_t>(record.data() + kSkipAt);
  extent.stored_size = load_le<std::uint32_t>(record.data() + kStoredAt);
  std::uint8_t form = record[kFormAt];
  extent.compressed = (form & kCompressedBit) != 0;
  extent.sealed = (form & kSealedBit) != 0;
  extent.code = CodePolicy{record[kDataAt], record[kParityAt]};
  if (record[kZeroAt] != 0 || form > (kCompressedBit | kSealedBit)) return damaged("reserved bits are not zero");
  if (extent.is_hole()) {
    extent.length |= std::uint64_t(second) << 32;
    if (extent.stored_size != 0 || form != 0 || extent.code != CodePolicy()) return damaged("a hole with content");
    if (extent.length == 0 || extent.length > kFileSizeMax) return damaged("impossible length");
    return extent;
  }
  extent.skip = second;
  if (extent.length == 0 || extent.length > kChunkSizeMax || extent.skip > kChunkSizeMax - extent.length)
    return damaged("impossible length");
  std::size_t overhead = kHeaderSize + (extent.sealed ? kSealTagSize : 0);
  if (extent.stored_size <= overhead || extent.stored_size > kChunkSizeMax + overhead)
    return damaged("impossible stored size");
  if (!extent.compressed && extent.stored_size - overhead < extent.skip + extent.length)
    return damaged("reaches beyond its chunk");
  if (!validate(extent.code).ok()) return damaged("impossible code");
  return extent;
}

}  // namespace vortex::chunker
