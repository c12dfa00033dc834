// Where a value's record lies, in the 64 bits the index has for it.
#pragma once

#include <bit>
#include <cstdint>

#include "base/check.h"
#include "wal/value_store/format.h"

namespace vortex::wal::values {

// A size of 12 bits: exact below 256 and at powers of two, otherwise rounded up by less than 1%.
class SizeHint {
 public:
  static constexpr std::uint32_t encode(std::uint32_t size) {
    if (size < 128) return size;
    int exponent = static_cast<int>(std::bit_width(size)) - 8;
    std::uint32_t mantissa = size >> exponent;
    if (mantissa << exponent != size) ++mantissa;
    // A mantissa that rounds up to 256 is the next exponent's 128: the codes follow each other without a gap.
    return 128 + static_cast<std::uint32_t>(exponent) * 128 + (mantissa - 128);
  }
  static constexpr std::uint32_t decode(std::uint32_t code) {
    if (code < 128) return code;
    std::uint32_t exponent = (code - 128) / 128;
    return (128 + (code - 128) % 128) << exponent;
  }
};
static_assert(SizeHint::encode(kValueBytesMax) < 4096);
inline constexpr std::uint32_t kLengthHintMax = SizeHint::decode(SizeHint::encode(kValueBytesMax));
static_assert(SizeHint::decode(SizeHint::encode(255)) == 255 && SizeHint::decode(SizeHint::encode(4096)) == 4096);

class Location {
 public:
  static constexpr std::uint32_t kOrdinalMax = (1u << 22) - 1;

  Location() = default;
  // `ordinal` is a segment's place in the table, from 1; `length` the value's.
  Location(std::uint32_t ordinal, std::uint64_t offset, std::uint32_t length) {
    CHECK(ordinal >= 1 && ordinal <= kOrdinalMax && offset % kRecordAlignment == 0);
    CHECK(offset / kRecordAlignment < (1u << 29));
    bits_ = std::uint64_t(ordinal) << 42 | (offset / kRecordAlignment) << 13 | SizeHint::encode(length) << 1;
  }
  static Location from_bits(std::uint64_t bits) {
    Location location;
    location.bits_ = bits;
    return location;
  }
  std::uint64_t bits() const { return bits_; }
  explicit operator bool() const { return bits_ != 0; }

  std::uint32_t ordinal() const { return static_cast<std::uint32_t>(bits_ >> 42); }
  std::uint64_t offset() const { return (bits_ >> 13 & ((1u << 29) - 1)) * kRecordAlignment; }
  // At least the value's length, and less than 1% above it.
  std::uint32_t length_hint() const { return SizeHint::decode(static_cast<std::uint32_t>(bits_ >> 1 & 0xFFF)); }
  // The record's bytes as the accounting of space counts them: from the hint, so that it never drifts.
  std::uint64_t record_bytes() const { return value_record_bytes(length_hint()); }
  // A newer copy number than the record's is in the table of touches.
  bool touched() const { return (bits_ & 1) != 0; }
  Location with_touched(bool touched) const { return from_bits((bits_ & ~std::uint64_t(1)) | (touched ? 1 : 0)); }
  bool same_place(const Location& other) const { return bits_ >> 13 == other.bits_ >> 13; }

 private:
  std::uint64_t bits_ = 0;  // ordinal 22 | offset / 8: 29 | size hint 12 | touched 1
};
static_assert(kSegmentBytesMax / kRecordAlignment <= (std::uint64_t(1) << 29));

}  // namespace vortex::wal::values
