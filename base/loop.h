// The loop thread of one node, and the one way in which a coroutine of ours waits on it.
#pragma once

#include <cstddef>
#include <optional>

#include "base/asio.h"
#include "base/task.h"

namespace vortex {

class Parking;

// All protocol state of a node is touched by this thread alone; nothing here is safe from another one except
// through asio::post(context(), …).
class Loop {
 public:
  explicit Loop(asio::io_context& context) : context_(context) {}
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  asio::io_context& context() { return context_; }

  // Coroutines suspended right now. Zero when everything was stopped.
  std::size_t parked() const { return parked_; }

 private:
  friend class Parking;
  asio::io_context& context_;
  std::size_t parked_ = 0;
};

// A place where at most one coroutine waits until somebody wakes it. Every wait of ours ends up here.
class Parking {
 public:
  explicit Parking(Loop& loop) : loop_(loop) {}
  // Nobody waits any more: whoever owns a place stops its tasks before it goes.
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // True when woken, false when the task was cancelled, at once when it had been cancelled before.
  // The Parking may be gone by the time the coroutine resumes.
  Task<bool> park() { return suspend(true); }
  // For waits that guard memory somebody else is using: goes on waiting though the task is cancelled. Always true.
  Task<bool> park_uncancellable() { return suspend(false); }

  // Resumes the waiting coroutine through the run queue, never inside this call. Nothing when nobody waits.
  void wake();
  // The same inside this call. Only for the bottom of the run queue: handlers that the system's events call.
  void wake_now();
  bool occupied() const { return sleeper_.has_value(); }

 private:
  using Thread = asio::detail::awaitable_thread<asio::any_io_executor>;
  // A coroutine stopped inside suspend(), with all that wait for it. It goes on in that very frame: beside the frame a
  // wait allocates nothing.
  class Sleeper final : public asio::detail::awaitable_handler_base<asio::any_io_executor, bool> {
   public:
    explicit Sleeper(Thread* thread) : awaitable_handler_base(thread) {}
    void go_on() {
      frame()->attach_thread(this);
      frame()->clear_cancellation_slot();
      pump();
    }
  };

  Task<bool> suspend(bool cancellable);
  void install(Thread* thread, bool* woken, bool cancellable);
  void finish(bool woken, bool now = false);

  Loop& loop_;
  std::optional<Sleeper> sleeper_;
  bool* woken_ = nullptr;  // in the frame of suspend(): what it returns
};

}  // namespace vortex
