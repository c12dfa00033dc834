#include "tests/sim/dice.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"

namespace vortex::sim {

namespace {
// Spreads a seed of few bits over all of them.
std::uint64_t split_mix(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}
}  // namespace

Dice::Dice(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = split_mix(seed);
}

Dice::Dice(std::uint64_t seed, std::string_view purpose, std::uint64_t number)
    : Dice(xxh3(as_bytes(purpose), seed) + number * 0x9e3779b97f4a7c15) {}

// xoshiro256++.
std::uint64_t Dice::next() {
  auto& s = state_;
  std::uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
  std::uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = std::rotl(s[3], 45);
  return result;
}

void Dice::fill(MutableBytes out) {
  while (!out.empty()) {
    std::uint64_t word = next();
    std::size_t size = out.size() < sizeof word ? out.size() : sizeof word;
    std::memcpy(out.data(), &word, size);
    out = out.subspan(size);
  }
}

std::uint64_t Dice::between(std::uint64_t low, std::uint64_t high) {
  CHECK(low <= high);
  return low + (high - low == ~std::uint64_t(0) ? next() : below(high - low + 1));
}

Duration Dice::between(Duration low, Duration high) {
  CHECK(low <= high);
  return low + Duration(static_cast<Duration::rep>(below(static_cast<std::uint64_t>((high - low).count()) + 1)));
}

Duration Delay::sample(Dice& dice) const {
  Duration time = base;
  if (spread > Duration(0)) time += dice.between(Duration(0), spread);
  if (tail_chance > 0 && dice.chance(tail_chance)) time += dice.between(Duration(0), tail);
  return time;
}

}  // namespace vortex::sim
