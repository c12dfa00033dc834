// A bound on the rate of something: bytes copied in the background, answers to strangers, retries.
#pragma once

#include <cstdint>

#include "base/env.h"
#include "base/window.h"

namespace vortex {

// `rate` units a second on the average, `burst` at once. First come, first served.
class TokenBucket {
 public:
  static constexpr double kUnlimited = 0;

  TokenBucket(Env& env, double rate, double burst);

  // More than `burst` is granted too and paid for by those who come later. Fails only with `cancelled`.
  Task<Status> take(double units);
  // False when it would have to wait.
  bool try_take(double units);
  // Takes effect at once, also for those who wait.
  void set_rate(double rate, double burst);
  double rate() const { return rate_; }

 private:
  void refill();
  bool enough(double units) const;

  Env& env_;
  double rate_, burst_;
  double tokens_;  // below zero after more than `burst` was granted at once
  Instant filled_at_;
  Window turn_;  // its one permit is held by the first in the line
  Parking first_;
};

}  // namespace vortex
