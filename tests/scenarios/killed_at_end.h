// A scenario's programs and what they use.
#pragma once

#include "tests/sim/machine.h"
#include "tests/sim/world.h"

namespace vortex::sim {

// Ends all programs before what they use goes, however a scenario ends.
class KilledAtEnd {
 public:
  explicit KilledAtEnd(World& world) : world_(world) {}
  KilledAtEnd(const KilledAtEnd&) = delete;
  KilledAtEnd& operator=(const KilledAtEnd&) = delete;
  ~KilledAtEnd() {
    for (std::size_t number = 1; number <= world_.machines(); ++number) world_.machine(number).kill();
  }

 private:
  World& world_;
};

}  // namespace vortex::sim
