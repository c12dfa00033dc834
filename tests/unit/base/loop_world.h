// A loop without a world around it, for tests of what only waits and wakes.
#pragma once

#include "base/loop.h"
#include "base/task_group.h"

namespace vortex {

struct LoopWorld {
  asio::io_context context;
  Loop loop{context};
  // Runs everything that can run now.
  void run() {
    context.restart();
    context.poll();
  }
};

}  // namespace vortex
