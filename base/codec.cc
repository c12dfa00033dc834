#include "base/codec.h"

namespace vortex {

void Encoder::put_varint(std::uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<std::uint8_t>(value));
}

ByteView Decoder::take(std::size_t size) {
  if (!ok_ || size > rest_.size()) {
    fail();
    return {};
  }
  ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

std::uint64_t Decoder::get_varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    ByteView byte = take(1);
    if (!ok_) return 0;
    auto bits = static_cast<std::uint64_t>(byte[0] & 0x7F);
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if (byte[0] < 0x80) {
      // One spelling for each number: a last byte of zero says the sender did not shorten it.
      if (byte[0] == 0 && shift > 0) break;
      return value;
    }
  }
  fail();
  return 0;
}

}  // namespace vortex
