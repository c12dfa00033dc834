// Time and timers, as one loop sees them.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "base/unique_function.h"

namespace vortex {

using TimerId = std::uint64_t;
inline constexpr TimerId kNoTimer = 0;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall_now() const = 0;

  // Calls `action` on the loop thread, not before `at` and never inside this call.
  virtual TimerId call_at(Instant at, UniqueFunction<void()> action) = 0;
  // The action is destroyed and will not run. Nothing when it has run already.
  virtual void cancel(TimerId timer) = 0;
};

}  // namespace vortex
