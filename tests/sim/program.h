// What runs on a simulated machine.
#pragma once

#include <functional>
#include <memory>

#include "base/env.h"

namespace vortex::sim {

class Program {
 public:
  virtual ~Program() = default;
  // The program's life: when it returns, the process has exited. Cancelling it is how a crash unwinds it: it must
  // then stop its groups and return without waiting for anything but them.
  virtual Task<void> run() = 0;
  // Asked to end in order (SIGTERM): makes run() return.
  virtual Task<void> stop() { co_return; }
};

// Called at every start of the process, with the Env of that process.
using ProgramFactory = std::function<std::unique_ptr<Program>(Env&)>;

// A program that is only a coroutine: program(f, arguments…) runs f(env, arguments…). Copies of the arguments live as
// long as the program; pass what is outside of it as a pointer.
ProgramFactory program(std::function<Task<void>(Env&)> body);
template <class Body, class First, class... Rest>
ProgramFactory program(Body body, First first, Rest... rest) {
  auto bound = [body, first, rest...](Env& env) { return body(env, first, rest...); };
  return program(std::function<Task<void>(Env&)>(bound));
}

}  // namespace vortex::sim
