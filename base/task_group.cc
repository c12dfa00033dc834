#include "base/task_group.h"

#include <exception>
#include <utility>

namespace vortex {

TaskGroup::~TaskGroup() { CHECK(running_.empty()); }

void TaskGroup::spawn(Task<void> task) {
  Handle unused;
  spawn(std::move(task), unused);
}

void TaskGroup::spawn(Task<void> task, Handle& handle) {
  auto place = running_.emplace(running_.end());
  handle.running_ = &*place;
  auto ended = [this, place](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);  // exceptions are for the Asio edge; here one is a defect
    running_.erase(place);
    if (running_.empty()) joined_.wake();
  };
  asio::co_spawn(loop_.context(), run(place, std::move(task)),
                 asio::bind_cancellation_slot(place->signal.slot(), ended));
}

Task<void> TaskGroup::run(std::list<Running>::iterator place, Task<void> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  // A signal before this point would make Asio throw, so a group that was cancelled meanwhile says so only now.
  place->started = true;
  if (cancelled_ || place->cancelled) place->signal.emit(asio::cancellation_type::terminal);
  co_await std::move(task);
}

void TaskGroup::cancel() {
  cancelled_ = true;
  // Emitting only posts: no task runs, starts or ends inside this loop.
  for (Running& running : running_)
    if (running.started) running.signal.emit(asio::cancellation_type::terminal);
}

void TaskGroup::cancel(Handle& handle) {
  Running& running = *handle.running_;
  running.cancelled = true;
  if (running.started) running.signal.emit(asio::cancellation_type::terminal);
}

Task<void> TaskGroup::join() {
  while (!running_.empty()) co_await joined_.park_uncancellable();
}

Task<void> TaskGroup::stop() {
  cancel();
  return join();
}

}  // namespace vortex
