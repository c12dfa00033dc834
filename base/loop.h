// The loop thread of one node, and the one way in which a coroutine of ours waits on it.
#pragma once

#include <cstddef>
#include <memory>

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
  Task<bool> park();
  // For waits that guard memory somebody else is using: goes on waiting though the task is cancelled.
  Task<void> park_uncancellable();

  // Resumes the waiting coroutine through the run queue, never inside this call. Nothing when nobody waits.
  void wake();
  // The same inside this call. Only for the bottom of the run queue: handlers that the system's events call.
  void wake_now();
  bool occupied() const { return waiter_ != nullptr; }

 private:
  // Holds the suspended coroutine.
  struct Waiter {
    virtual ~Waiter() = default;
    virtual void resume(Loop& loop, bool woken, bool now) = 0;
  };
  template <class Handler>
  struct HandlerWaiter;
  template <class Handler>
  void install(Handler handler, bool cancellable);
  void finish(bool woken, bool now = false);

  Loop& loop_;
  std::unique_ptr<Waiter> waiter_;
};

}  // namespace vortex
