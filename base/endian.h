// Loads and stores of fixed-size integers with their byte order in the name.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace vortex {

static_assert(std::endian::native == std::endian::little, "little-endian machines only: loads and stores are copies");

template <class T>
requires std::is_integral_v<T> T load_le(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
requires std::is_integral_v<T>
void store_le(void* to, T value) { std::memcpy(to, &value, sizeof(T)); }

inline std::uint64_t load_be64(const void* from) { return __builtin_bswap64(load_le<std::uint64_t>(from)); }
inline void store_be64(void* to, std::uint64_t value) { store_le(to, __builtin_bswap64(value)); }

}  // namespace vortex
