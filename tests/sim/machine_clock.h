// A machine's idea of time: a boot clock that runs at a rate of its own, and a wall clock that jumps.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace vortex::sim {

class Dice;

class MachineClock {
 public:
  // One million is exact.
  static constexpr std::int64_t kExact = 1'000'000;

  MachineClock(Dice& dice, double ratio_max);

  Instant boot_time(Duration world_now) const;
  WallTime wall_time(Duration world_now) const;
  // The first moment of the world at which boot_time is not before `local`.
  Duration world_time(Instant local) const;

  std::int64_t rate() const { return rate_; }
  void set_rate(Duration world_now, std::int64_t millionths);
  void jump_wall(Duration by) { wall_offset_ += by; }
  // The boot clock starts anew, near zero.
  void reboot(Duration world_now, Dice& dice);

 private:
  std::int64_t rate_;
  Duration world_base_{0};
  Duration local_base_;
  Duration wall_offset_;
};

}  // namespace vortex::sim
