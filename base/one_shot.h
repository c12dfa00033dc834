// A result that somebody else will deliver: one coroutine waits, one event sets it, in either order.
#pragma once

#include <optional>
#include <utility>

#include "base/loop.h"

namespace vortex {

template <class T = void>
class OneShot {
 public:
  explicit OneShot(Loop& loop) : parking_(loop) {}

  // The first call wins; later ones change nothing.
  void set(Result<T> result) {
    if (result_) return;
    result_.emplace(std::move(result));
    parking_.wake();
  }
  bool is_set() const { return result_.has_value(); }

  // The OneShot must outlive the wait. `cancelled` when the task is.
  Task<Result<T>> wait() {
    if (!result_) {
      bool woken = co_await parking_.park();
      if (!woken && !result_) co_return Code::cancelled;
    }
    co_return std::move(*result_);
  }
  Task<Result<T>> wait_uncancellable() {
    if (!result_) co_await parking_.park_uncancellable();
    co_return std::move(*result_);
  }

 private:
  std::optional<Result<T>> result_;
  Parking parking_;
};

}  // namespace vortex
