#include "net/base32.h"

namespace vortex::net {

namespace {
constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";

int digit_value(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}
}  // namespace

std::string to_base32(ByteView bytes) {
  std::string text;
  unsigned bits = 0;
  int count = 0;
  for (std::uint8_t byte : bytes) {
    bits = (bits << 8 | byte) & 0xfff;
    count += 8;
    for (; count >= 5; count -= 5) text += kDigits[bits >> (count - 5) & 31];
  }
  if (count > 0) text += kDigits[bits << (5 - count) & 31];
  return text;
}

std::optional<ByteVector> from_base32(std::string_view text) {
  ByteVector bytes;
  unsigned bits = 0;
  int count = 0;
  for (char c : text) {
    int value = digit_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 5 | static_cast<unsigned>(value)) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> count));
  }
  // What is left over is less than a digit, and zero.
  if (count >= 5 || (bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace vortex::net
