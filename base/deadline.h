// Bounding a wait in time.
#pragma once

#include <utility>

#include "base/env.h"
#include "base/task_group.h"

namespace vortex {

// Runs `task` until it ends or `at` comes; then it is cancelled, waited for, and the result is `timed_out` (unless it
// ended well in the same moment). Cancelling the caller cancels the task. It costs a coroutine of its own: for calls
// to a peer use the deadline that RPC carries.
template <class T>
Task<Result<T>> with_deadline(Env& env, Instant at, Task<Result<T>> task) {
  TaskGroup group(env.loop());
  bool late = false;
  std::optional<Result<T>> result;
  Parking done(env.loop());
  auto expire = [&group, &late] {
    late = true;
    group.cancel();
  };
  TimerId timer = env.clock().call_at(at, UniqueFunction<void()>(expire));
  auto body = [](Task<Result<T>> inner, std::optional<Result<T>>& out, Parking& parking) -> Task<void> {
    auto value = co_await std::move(inner);
    out.emplace(std::move(value));
    parking.wake();
  };
  group.spawn(body(std::move(task), result, done));
  if (!result) {
    bool woken = co_await done.park();
    if (!woken) group.cancel();
  }
  co_await group.join();
  env.clock().cancel(timer);
  CHECK(result.has_value());
  if (late && !result->ok() && result->is(Code::cancelled)) co_return Code::timed_out;
  co_return std::move(*result);
}

template <class T>
Task<Result<T>> with_timeout(Env& env, Duration timeout, Task<Result<T>> task) {
  return with_deadline<T>(env, env.now() + timeout, std::move(task));
}

}  // namespace vortex
