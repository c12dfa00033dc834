// Work that would keep the loop from its other duties: hashing, compression, encryption, erasure coding.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "base/loop.h"
#include "base/unique_function.h"

namespace vortex {

class Pool {
 public:
  explicit Pool(Loop& loop) : loop_(loop) {}
  virtual ~Pool() = default;

  // Runs `work` on a thread of the pool (inline in simulation), then `done` on the loop thread. Work is started in
  // the order it was submitted. The queue is bounded by those who submit, each by its own window.
  virtual void submit(UniqueFunction<void()> work, UniqueFunction<void()> done) = 0;

  // The same as an awaited call. A cancelled task still waits for its work, which may use the task's memory.
  template <class F>
  Task<std::invoke_result_t<F&>> run(F work) {
    Parking parking(loop_);
    std::optional<std::invoke_result_t<F&>> result;
    auto job = [&work, &result] { result.emplace(work()); };
    auto done = [&parking] { parking.wake(); };
    submit(UniqueFunction<void()>(job), UniqueFunction<void()>(done));
    co_await parking.park_uncancellable();
    co_return std::move(*result);
  }

 protected:
  Loop& loop_;
};

}  // namespace vortex
