// 256-bit identifiers: nodes, chunks, keys, partitions. Ordered as big-endian numbers; distance is XOR.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace vortex {

struct Id {
  static constexpr std::size_t kSize = 32;
  std::array<std::uint8_t, kSize> bytes{};

  static std::optional<Id> from_hex(std::string_view text);
  std::string hex() const;
  // The first eight digits, for logs and tables.
  std::string short_hex() const;

  bool is_zero() const { return *this == Id(); }
  auto operator<=>(const Id&) const = default;

  Id distance(const Id& other) const;
  // Leading zero bits: 256 for zero. `a.distance(b).leading_zeros()` is the length of the common prefix.
  int leading_zeros() const;
  // The first eight bytes as a number; a position on the ring, a hash for a table.
  std::uint64_t prefix() const;
};

// Is `a` nearer to `target` than `b`?
bool closer(const Id& target, const Id& a, const Id& b);

using NodeId = Id;
using ChunkId = Id;
using ClusterId = Id;

}  // namespace vortex

template <>
struct std::hash<vortex::Id> {
  std::size_t operator()(const vortex::Id& id) const noexcept { return id.prefix(); }
};
