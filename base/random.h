// Randomness: the system's in the real world, the seed's in the simulated one.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/id.h"

namespace vortex {

class Random {
 public:
  virtual ~Random() = default;
  // Good enough for keys.
  virtual void fill(MutableBytes out) = 0;
  // Fast; not for secrets.
  virtual std::uint64_t next() = 0;

  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();
  bool chance(double probability) { return unit() < probability; }
  Id id();
};

}  // namespace vortex
