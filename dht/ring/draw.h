// The draw of one node for one position, in integers: every machine must come to the same number, so no floating point.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace vortex::dht {

// A position, prepared once for the draws of all nodes.
struct Position {
  std::uint64_t value;
  std::uint64_t factor;
  explicit Position(std::uint64_t position) : value(position) {
    std::uint64_t x = (position ^ (position >> 32)) * 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
    factor = (x ^ (x >> 32)) | 1;
  }
};

// Uniform in 64 bits: one wide multiplication, its halves folded.
inline std::uint64_t uniform_draw(std::uint64_t seed, const Position& position) {
  auto product = static_cast<unsigned __int128>(seed ^ position.value) * position.factor;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// log2(1 + i / 256) × 2^32, made at compile time by repeated squaring.
constexpr std::array<std::uint64_t, 257> log_table() {
  std::array<std::uint64_t, 257> table{};
  for (std::uint64_t i = 0; i <= 256; ++i) {
    unsigned __int128 x = (static_cast<unsigned __int128>(256 + i) << 62) / 256;  // in [1, 2] × 2^62
    std::uint64_t result = 0;
    for (int bit = 31; bit >= 0; --bit) {
      x = (x * x) >> 62;
      if (x >> 63 != 0) {
        result |= std::uint64_t(1) << bit;
        x >>= 1;
      }
    }
    table[i] = i == 256 ? std::uint64_t(1) << 32 : result;
  }
  return table;
}
inline constexpr auto kLogTable = log_table();

// -log2(u / 2^64) × 2^32: an exponential draw from a uniform one. Strictly positive, at most 2^38.
constexpr std::uint64_t exponential(std::uint64_t u) {
  u |= 1;
  int shift = std::countl_zero(u);
  std::uint64_t normal = u << shift;                  // in [2^63, 2^64)
  std::uint64_t place = (normal >> 55) & 255;         // the 8 bits behind the first
  std::uint64_t rest = (normal >> 23) & 0xFFFF'FFFF;  // the next 32
  std::uint64_t low = kLogTable[place], high = kLogTable[place + 1];
  std::uint64_t fraction = low + (((high - low) * rest) >> 32);
  return ((static_cast<std::uint64_t>(shift) + 1) << 32) - fraction;
}

}  // namespace vortex::dht
