// Coroutines that wait for a change, each no longer than its own deadline.
#pragma once

#include <list>

#include "base/env.h"

namespace vortex::net {

// Like an Event, with a deadline. It must outlive those who wait. For waits that are rare: each costs a timer.
class WaitingLine {
 public:
  explicit WaitingLine(Env& env) : env_(env) {}
  ~WaitingLine();
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

  // `timed_out` at the deadline, `cancelled` when the task is.
  Task<Status> wait(Instant deadline);
  // Wakes the one that came first, who must look whether what it waits for is there.
  void notify_one();
  void notify_all();
  std::size_t size() const { return waiting_.size(); }

 private:
  struct Waiter {
    explicit Waiter(Loop& loop) : parking(loop) {}
    Parking parking;
    bool late = false;
    bool queued = true;
    bool notified = false;
    std::list<Waiter*>::iterator place;  // while queued
  };
  void leave(Waiter& waiter);

  Env& env_;
  std::list<Waiter*> waiting_;  // in the order of their coming, not yet woken; each lives in the frame of its wait()
};

}  // namespace vortex::net
