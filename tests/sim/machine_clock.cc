#include "tests/sim/machine_clock.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "tests/sim/dice.h"

namespace vortex::sim {

namespace {
// Wall clocks begin here, give or take a minute.
constexpr Duration kWallStart = std::chrono::seconds(1'800'000'000);
constexpr Duration kWallSpread = std::chrono::minutes(1);
constexpr Duration kBootSpread = std::chrono::hours(2);

Duration scaled(Duration duration, std::int64_t multiply, std::int64_t divide, bool up) {
  auto product = static_cast<__int128>(duration.count()) * multiply;
  return Duration(static_cast<std::int64_t>((product + (up ? divide - 1 : 0)) / divide));
}
}  // namespace

MachineClock::MachineClock(Dice& dice, double ratio_max) : rate_(kExact) {
  // Rates between 1/√ratio and √ratio, so that no two are further apart than the ratio.
  if (ratio_max > 1) {
    auto fastest = static_cast<std::uint64_t>(std::sqrt(ratio_max) * static_cast<double>(kExact));
    auto slowest = static_cast<std::uint64_t>(static_cast<double>(fastest) / ratio_max) + 1;
    rate_ = static_cast<std::int64_t>(dice.between(slowest, fastest));
  }
  wall_offset_ = kWallStart + dice.between(-kWallSpread, kWallSpread);
  local_base_ = dice.between(seconds(1), kBootSpread);
}

Instant MachineClock::boot_time(Duration world_now) const {
  return Instant(local_base_ + scaled(world_now - world_base_, rate_, kExact, false));
}

WallTime MachineClock::wall_time(Duration world_now) const { return WallTime(wall_offset_ + world_now); }

Duration MachineClock::world_time(Instant local) const {
  Duration ahead = local.time_since_epoch() - local_base_;
  // Far-away deadlines ("never") would overflow.
  constexpr Duration kFar = std::chrono::hours(24 * 365 * 100);
  return world_base_ + scaled(std::clamp(ahead, Duration(0), kFar), kExact, rate_, true);
}

void MachineClock::set_rate(Duration world_now, std::int64_t millionths) {
  CHECK(millionths > 0);
  local_base_ = boot_time(world_now).time_since_epoch();
  world_base_ = world_now;
  rate_ = millionths;
}

void MachineClock::reboot(Duration world_now, Dice& dice) {
  world_base_ = world_now;
  local_base_ = dice.between(seconds(1), seconds(20));
}

}  // namespace vortex::sim
