// One Asio operation at a time, and the coroutine that waits for it.
#pragma once

#include <utility>

#include "base/asio.h"
#include "base/loop.h"

namespace vortex {

// socket.async_read_some(buffer, operation.start()); auto error = co_await operation.wait();
// It waits until the operation has let go of everything, also when the task is cancelled meanwhile.
class Operation {
 public:
  explicit Operation(Loop& loop) : parking_(loop) {}

  // The handler to hand to Asio. wait() must follow.
  auto start() {
    CHECK(!running_);
    running_ = true;
    return asio::bind_cancellation_slot(signal_.slot(), Handler(this));
  }
  // operation_aborted when it was cancelled, by the task's end or by cancel(), or its socket was closed.
  Task<asio::error_code> wait() {
    while (running_) {
      bool woken = co_await parking_.park();
      if (woken) continue;
      cancel();
      while (running_) co_await parking_.park_uncancellable();
    }
    co_return error_;
  }
  void cancel() {
    if (running_) signal_.emit(asio::cancellation_type::terminal);
  }
  std::size_t bytes() const { return bytes_; }
  bool running() const { return running_; }

 private:
  struct Handler {
    explicit Handler(Operation* o) : operation(o) {}
    void operator()(const asio::error_code& error) const { operation->finished(error, 0); }
    void operator()(const asio::error_code& error, std::size_t bytes) const { operation->finished(error, bytes); }
    Operation* operation;
  };
  void finished(const asio::error_code& error, std::size_t bytes) {
    running_ = false;
    error_ = error;
    bytes_ = bytes;
    parking_.wake_now();  // Asio called us from the run queue
  }

  asio::cancellation_signal signal_;
  Parking parking_;
  bool running_ = false;
  asio::error_code error_;
  std::size_t bytes_ = 0;
};

}  // namespace vortex
