// Randomness out of the seed. Every purpose has dice of its own, so that one more throw for one purpose changes
// nothing for the others.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/random.h"
#include "base/time.h"

namespace vortex::sim {

class Dice final : public Random {
 public:
  explicit Dice(std::uint64_t seed);
  // The dice for one purpose of a world; `number` tells apart those of equal purpose (machines, boots).
  Dice(std::uint64_t seed, std::string_view purpose, std::uint64_t number = 0);

  void fill(MutableBytes out) override;
  std::uint64_t next() override;

  // Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high);
  Duration between(Duration low, Duration high);
  // True once in `n`.
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::array<std::uint64_t, 4> state_;
};

// How long something takes: a base, an even spread on top, and now and then a long tail.
struct Delay {
  Duration base{0};
  Duration spread{0};
  double tail_chance = 0;
  Duration tail{0};

  Duration sample(Dice& dice) const;
};

}  // namespace vortex::sim
