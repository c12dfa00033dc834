// How a simulated drive behaves when nothing in particular happens to it.
#pragma once

#include <cstdint>

#include "tests/sim/dice.h"

namespace vortex::sim {

struct DriveOptions {
  std::uint64_t capacity = std::uint64_t(1) << 50;
  // What survives or vanishes as one when the power fails: 512 or 4096.
  std::uint32_t sector = 512;
  Delay read{microseconds(60), microseconds(60), 0.002, milliseconds(5)};
  Delay write{microseconds(15), microseconds(60), 0.002, milliseconds(5)};
  Delay sync{microseconds(150), microseconds(600), 0.005, milliseconds(30)};
  Delay names{microseconds(20), microseconds(60), 0.002, milliseconds(5)};  // open, rename, remove, list, …
  std::uint64_t bytes_per_second = 1'500'000'000;
  // How likely a read finds its bytes in the page cache.
  double cached = 0.5;
  // Chances of `io_error` for each call.
  double read_errors = 0, write_errors = 0, sync_errors = 0, name_errors = 0;
  // Chance that a read gives, this once, one bit of its bytes flipped.
  double read_flips = 0;

  DriveOptions() {}
};

}  // namespace vortex::sim
