#include "base/real/signals.h"

#include <asio/signal_set.hpp>

#include "base/real/operation.h"

namespace vortex {

struct Signals::Set {
  Set(Loop& loop, std::initializer_list<int> numbers) : signals(loop.context()), waiting(loop) {
    for (int number : numbers) signals.add(number);
  }
  asio::signal_set signals;
  Operation waiting;
};

Signals::Signals(Loop& loop, std::initializer_list<int> numbers) : set_(std::make_unique<Set>(loop, numbers)) {}
Signals::~Signals() = default;

Task<Result<int>> Signals::next() {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Code::cancelled;
  set_->signals.async_wait(set_->waiting.start());
  auto error = co_await set_->waiting.wait();
  if (error) co_return Code::cancelled;
  co_return static_cast<int>(set_->waiting.bytes());
}

}  // namespace vortex
