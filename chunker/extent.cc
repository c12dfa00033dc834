#include "chunker/extent.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace vortex::chunker {
namespace {

// An extent's numbers have 24 bits each; a hole has its length instead of them. One byte stays free.
constexpr std::size_t kLengthAt = 32, kSkipAt = 35, kStoredAt = 38, kFormAt = 41, kDataAt = 42, kParityAt = 43,
                      kZeroAt = 44, kWidth = 3;
constexpr std::size_t kHoleWidth = 8, kHoleZerosAt = kLengthAt + kHoleWidth;
static_assert(kZeroAt + 1 == kRecordSize);
static_assert(kChunkSizeMax + kHeaderSize + kSealTagSize < std::size_t(1) << 8 * kWidth);
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

std::uint64_t record_number(const Record& record, std::size_t at, std::size_t width) {
  CHECK(width <= sizeof(std::uint64_t) && at + width <= record.size());
  std::uint64_t number = 0;
  std::memcpy(&number, record.data() + at, width);
  return number;
}

void put_record_number(Record& record, std::size_t at, std::size_t width, std::uint64_t number) {
  CHECK(width <= sizeof number && at + width <= record.size());
  CHECK(width == sizeof number || number >> 8 * width == 0);
  std::memcpy(record.data() + at, &number, width);
}

Record encode_extent(const Extent& extent) {
  Record record{};
  std::copy(extent.chunk.bytes.begin(), extent.chunk.bytes.end(), record.begin());
  if (extent.is_hole()) {
    put_record_number(record, kLengthAt, kHoleWidth, extent.length);
  } else {
    put_record_number(record, kLengthAt, kWidth, extent.length);
    put_record_number(record, kSkipAt, kWidth, extent.skip);
    put_record_number(record, kStoredAt, kWidth, extent.stored_size);
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
  if (extent.is_hole()) {
    extent.length = record_number(record, kLengthAt, kHoleWidth);
    if (std::any_of(record.begin() + kHoleZerosAt, record.end(), [](std::uint8_t byte) { return byte != 0; }))
      return damaged("a hole with content");
    if (extent.length == 0 || extent.length > kFileSizeMax) return damaged("impossible length");
    return extent;
  }
  extent.length = record_number(record, kLengthAt, kWidth);
  extent.skip = static_cast<std::uint32_t>(record_number(record, kSkipAt, kWidth));
  extent.stored_size = static_cast<std::uint32_t>(record_number(record, kStoredAt, kWidth));
  const std::uint8_t form = record[kFormAt];
  extent.compressed = (form & kCompressedBit) != 0;
  extent.sealed = (form & kSealedBit) != 0;
  extent.code = CodePolicy{record[kDataAt], record[kParityAt]};
  if (record[kZeroAt] != 0 || form > (kCompressedBit | kSealedBit)) return damaged("reserved bits are not zero");
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
