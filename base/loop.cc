#include "base/loop.h"

#include <utility>

namespace vortex {

template <class Handler>
struct Parking::HandlerWaiter final : Parking::Waiter {
  explicit HandlerWaiter(Handler h) : handler(std::move(h)) {}
  void resume(Loop& loop, bool woken, bool now) override {
    // A signal that comes before the coroutine runs must not find the Parking, which may be gone by then. When
    // it was the signal that brought us here, it has forgotten the Parking already and must not be destroyed.
    if (woken) asio::get_associated_cancellation_slot(handler).clear();
    if (now) {
      Handler once = std::move(handler);
      return once(woken);
    }
    asio::post(loop.context(), [h = std::move(handler), woken]() mutable { h(woken); });
  }
  Handler handler;
};

template <class Handler>
void Parking::install(Handler handler, bool cancellable) {
  CHECK(!waiter_);
  auto slot = asio::get_associated_cancellation_slot(handler);
  waiter_ = std::make_unique<HandlerWaiter<Handler>>(std::move(handler));
  ++loop_.parked_;
  if (!cancellable || !slot.is_connected()) return;
  // The slot lives in the coroutine's frame; the frame clears it when it resumes. Between cancellation and that
  // moment a second signal finds the pointer gone.
  slot.assign([self = this](asio::cancellation_type) mutable {
    if (Parking* parking = std::exchange(self, nullptr)) parking->finish(false);
  });
}

Task<bool> Parking::park() {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return false;
  auto initiate = [this](auto handler) { install(std::move(handler), true); };
  bool woken = co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(initiate, asio::use_awaitable);
  co_return woken;
}

Task<void> Parking::park_uncancellable() {
  auto initiate = [this](auto handler) { install(std::move(handler), false); };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(initiate, asio::use_awaitable);
}

void Parking::finish(bool woken, bool now) {
  --loop_.parked_;
  auto waiter = std::move(waiter_);
  waiter->resume(loop_, woken, now);
}

void Parking::wake() {
  if (waiter_) finish(true);
}

void Parking::wake_now() {
  if (waiter_) finish(true, true);
}

Parking::~Parking() { CHECK(!waiter_); }

Loop::~Loop() { CHECK(parked_ == 0); }

}  // namespace vortex
