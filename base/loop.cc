#include "base/loop.h"

#include <utility>

namespace vortex {

Task<bool> Parking::suspend(bool cancellable) {
  auto state = co_await asio::this_coro::cancellation_state;
  if (cancellable && state.cancelled() != asio::cancellation_type::none) co_return false;
  bool woken = false;
  auto stop_here = [this, &woken, cancellable](auto* frame) -> Thread* {
    install(frame->detach_thread(), &woken, cancellable);
    return nullptr;
  };
  co_await stop_here;
  co_return woken;
}

void Parking::install(Thread* thread, bool* woken, bool cancellable) {
  CHECK(!sleeper_);
  auto slot = thread->get_cancellation_slot();
  sleeper_.emplace(thread);
  woken_ = woken;
  ++loop_.parked_;
  if (!cancellable || !slot.is_connected()) return;
  // The slot lives in the coroutine's frame; the frame clears it when it resumes. Between cancellation and that
  // moment a second signal finds the pointer gone.
  slot.assign([self = this](asio::cancellation_type) mutable {
    if (Parking* parking = std::exchange(self, nullptr)) parking->finish(false);
  });
}

void Parking::finish(bool woken, bool now) {
  --loop_.parked_;
  Sleeper sleeper = std::move(*sleeper_);
  sleeper_.reset();
  *woken_ = woken;
  // A signal that comes before the coroutine runs must not find the Parking, which may be gone by then. When it was the
  // signal that brought us here, it has forgotten the Parking already and must not be destroyed.
  if (woken) sleeper.get_cancellation_slot().clear();
  if (now) return sleeper.go_on();
  asio::post(loop_.context(), [s = std::move(sleeper)]() mutable { s.go_on(); });
}

void Parking::wake() {
  if (sleeper_) finish(true);
}

void Parking::wake_now() {
  if (sleeper_) finish(true, true);
}

Parking::~Parking() { CHECK(!sleeper_); }

Loop::~Loop() { CHECK(parked_ == 0); }

}  // namespace vortex
