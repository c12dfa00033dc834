// Randomness of the operating system.
#pragma once

#include <array>

#include "base/random.h"

namespace vortex {

class OsRandom final : public Random {
 public:
  OsRandom();
  void fill(MutableBytes out) override;
  // xoshiro256++, seeded by fill().
  std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace vortex
