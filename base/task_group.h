// A TaskGroup owns coroutines: none outlives the object whose state it uses, and none is detached.
#pragma once

#include <list>

#include "base/loop.h"

namespace vortex {

// Declare it last in the class whose members its tasks use, and call stop() before the object goes.
class TaskGroup {
  struct Running;

 public:
  // Names one task, to cancel it alone. Good as long as that task runs: whoever keeps it forgets it when the task ends.
  class Handle {
   private:
    friend class TaskGroup;
    Running* running_ = nullptr;
  };

  explicit TaskGroup(Loop& loop) : loop_(loop), joined_(loop) {}
  // Every task has ended.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts it, at once when called on the loop thread. In a cancelled group it starts cancelled.
  void spawn(Task<void> task);
  // The same; `handle` is set before the task starts and may not move until then.
  void spawn(Task<void> task, Handle& handle);
  // Every wait of every task, now and from now on, ends with `cancelled`. Loop thread only.
  void cancel();
  // The same for one task that has not ended.
  void cancel(Handle& handle);
  bool cancelled() const { return cancelled_; }
  // Returns when no task is left; goes on waiting though the caller is cancelled. One caller at a time.
  Task<void> join();
  // cancel() and join().
  Task<void> stop();
  std::size_t size() const { return running_.size(); }

 private:
  struct Running {
    asio::cancellation_signal signal;
    bool started = false;
    bool cancelled = false;
  };
  Task<void> run(std::list<Running>::iterator place, Task<void> task);

  Loop& loop_;
  std::list<Running> running_;
  Parking joined_;
  bool cancelled_ = false;
};

}  // namespace vortex
