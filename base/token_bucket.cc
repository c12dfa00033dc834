#include "base/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace vortex {

TokenBucket::TokenBucket(Env& env, double rate, double burst)
    : env_(env),
      rate_(rate),
      burst_(burst),
      tokens_(burst),
      filled_at_(env.now()),
      turn_(env.loop(), 1),
      first_(env.loop()) {
  CHECK(rate >= 0 && burst > 0);
}

void TokenBucket::refill() {
  Instant now = env_.now();
  tokens_ = std::min(burst_, tokens_ + rate_ * to_seconds(now - filled_at_));
  filled_at_ = now;
}

bool TokenBucket::enough(double units) const { return rate_ == kUnlimited || tokens_ >= std::min(units, burst_); }

bool TokenBucket::try_take(double units) {
  refill();
  if (turn_.used() > 0 || !enough(units)) return false;
  if (rate_ != kUnlimited) tokens_ -= units;
  return true;
}

Task<Status> TokenBucket::take(double units) {
  CO_ASSIGN_OR_RETURN(Permit turn, co_await turn_.acquire(1));
  while (true) {
    refill();
    if (enough(units)) break;
    auto wake = [this] { first_.wake(); };
    // Rounded up: a wait that ends too early would only be followed by another one.
    double missing = std::min(units, burst_) - tokens_;
    Duration pause(static_cast<std::int64_t>(std::ceil(missing / rate_ * 1e9)) + 1);
    TimerId timer = env_.clock().call_at(env_.now() + pause, UniqueFunction<void()>(wake));
    bool woken = co_await first_.park();
    env_.clock().cancel(timer);
    if (!woken) co_return Code::cancelled;
  }
  if (rate_ != kUnlimited) tokens_ -= units;
  co_return Status();
}

void TokenBucket::set_rate(double rate, double burst) {
  CHECK(rate >= 0 && burst > 0);
  refill();
  rate_ = rate;
  burst_ = burst;
  tokens_ = std::min(tokens_, burst_);
  first_.wake();
}

}  // namespace vortex
