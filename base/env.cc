#include "base/env.h"

namespace vortex {

Task<Status> sleep_until(Env& env, Instant at) {
  Parking parking(env.loop());
  auto wake = [&parking] { parking.wake(); };
  TimerId timer = env.clock().call_at(at, UniqueFunction<void()>(wake));
  bool woken = co_await parking.park();
  if (woken) co_return Status();
  env.clock().cancel(timer);
  co_return Code::cancelled;
}

Task<Status> sleep_for(Env& env, Duration duration) { return sleep_until(env, env.now() + duration); }

}  // namespace vortex
