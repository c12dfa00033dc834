// A clock that stands still until it is moved.
#pragma once

#include "base/clock.h"

namespace vortex {

struct ManualClock final : Clock {
  Instant time{seconds(1000)};
  WallTime wall{seconds(1'769'860'800)};  // 2026-01-31T12:00:00Z

  Instant now() const override { return time; }
  WallTime wall_now() const override { return wall; }
  TimerId call_at(Instant, UniqueFunction<void()>) override { return kNoTimer; }
  void cancel(TimerId) override {}
  void move(Duration by) {
    time += by;
    wall += by;
  }
};

}  // namespace vortex
