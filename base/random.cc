#include "base/random.h"

#include "base/check.h"

namespace vortex {

std::uint64_t Random::below(std::uint64_t bound) {
  CHECK(bound > 0);
  // Multiply and take the high half; the few low values that would be favoured are drawn again.
  while (true) {
    unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
    auto low = static_cast<std::uint64_t>(product);
    if (low >= bound || low >= -bound % bound) return static_cast<std::uint64_t>(product >> 64);
  }
}

double Random::unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

Id Random::id() {
  Id id;
  fill(id.bytes);
  return id;
}

}  // namespace vortex
