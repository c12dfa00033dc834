#include "base/real/runner.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "base/real/signals.h"
#include "base/task_group.h"

namespace vortex {

namespace {
Task<void> watch_signals(Signals& signals, TaskGroup& root, Log& log) {
  while (true) {
    auto number = co_await signals.next();
    if (!number.ok()) co_return;
    if (root.cancelled()) ::_exit(128 + *number);
    log.info("runner", "asked to stop; once more to stop at once", Field("signal", *number));
    root.cancel();
  }
}
}  // namespace

// The root task and those who watch it.
class Runner::Root {
 public:
  Root(asio::io_context& context, Loop& loop) : context_(context), group_(loop), watchers_(loop) {}
  TaskGroup& group() { return group_; }

  int run(Task<int> root) {
    group_.spawn(body(std::move(root)));
    while (!ended_) context_.run();
    context_.restart();
    while (group_.size() > 0) context_.run_one();
    watchers_.cancel();
    while (watchers_.size() > 0) context_.run_one();
    return status_;
  }
  void watch(Task<void> watcher) { watchers_.spawn(std::move(watcher)); }

 private:
  Task<void> body(Task<int> root) {
    status_ = co_await std::move(root);
    ended_ = true;
    context_.stop();
  }

  asio::io_context& context_;
  int status_ = 1;
  bool ended_ = false;
  TaskGroup group_, watchers_;
};

Runner::Runner(RealOptions options) : env_(context_, options) {}

int Runner::run_without_signals(Task<int> root) {
  Root it(context_, env_.loop());
  return it.run(std::move(root));
}

int Runner::run(Task<int> root) {
  Signals signals(env_.loop(), {SIGINT, SIGTERM});
  Root it(context_, env_.loop());
  it.watch(watch_signals(signals, it.group(), env_.log()));
  return it.run(std::move(root));
}

}  // namespace vortex
