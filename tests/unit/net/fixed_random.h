// Randomness of a test: the same for the same seed.
#pragma once

#include "base/random.h"

namespace vortex::net::test {

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next());
  }
  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace vortex::net::test
