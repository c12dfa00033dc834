// Durations and instants. An Instant counts on the boot clock of one machine and means nothing on another one.
#pragma once

#include <chrono>
#include <cstdint>

namespace vortex {

using Duration = std::chrono::nanoseconds;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// CLOCK_BOOTTIME: goes on during suspend, never jumps, is read only through Env's clock.
struct BootClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using Instant = BootClock::time_point;
// What people read. It jumps; nothing is decided by it.
using WallTime = std::chrono::sys_time<Duration>;

constexpr std::int64_t to_ms(Duration duration) { return std::chrono::duration_cast<milliseconds>(duration).count(); }
constexpr double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace vortex
