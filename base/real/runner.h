// What a program's main() needs: a loop, the real Env, one root task, and an end when a signal asks for it.
#pragma once

#include "base/asio.h"
#include "base/real/real_env.h"

namespace vortex {

class Runner {
 public:
  explicit Runner(RealOptions options = RealOptions());
  Env& env() { return env_; }

  // Runs `root` until it ends and returns what it returned. SIGINT or SIGTERM cancels it, so that it can finish what
  // is in flight; a second one ends the process at once, with status 128 + number. All that root started has ended
  // when it returns.
  int run(Task<int> root);
  // The same for programs that deal with signals themselves.
  int run_without_signals(Task<int> root);

 private:
  class Root;

  asio::io_context context_{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(context_);
  RealEnv env_;
};

}  // namespace vortex
