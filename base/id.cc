#include "base/id.h"

#include <bit>

#include "base/endian.h"

namespace vortex {

std::optional<Id> Id::from_hex(std::string_view text) {
  Id id;
  if (!vortex::from_hex(text, id.bytes)) return std::nullopt;
  return id;
}

std::string Id::hex() const { return to_hex(bytes); }
std::string Id::short_hex() const { return to_hex(ByteView(bytes).first(4)); }

Id Id::distance(const Id& other) const {
  Id result;
  for (std::size_t i = 0; i < kSize; ++i) result.bytes[i] = bytes[i] ^ other.bytes[i];
  return result;
}

int Id::leading_zeros() const {
  int zeros = 0;
  for (std::size_t i = 0; i < kSize; i += 8) {
    std::uint64_t word = load_be64(bytes.data() + i);
    zeros += std::countl_zero(word);
    if (word != 0) break;
  }
  return zeros;
}

std::uint64_t Id::prefix() const { return load_be64(bytes.data()); }

bool closer(const Id& target, const Id& a, const Id& b) {
  for (std::size_t i = 0; i < Id::kSize; i += 8) {
    std::uint64_t t = load_be64(target.bytes.data() + i);
    std::uint64_t da = t ^ load_be64(a.bytes.data() + i), db = t ^ load_be64(b.bytes.data() + i);
    if (da != db) return da < db;
  }
  return false;
}

}  // namespace vortex
