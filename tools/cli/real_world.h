// Commands that need the real world: disks, sockets, a clock.
#pragma once

#include <functional>

#include "base/env.h"

namespace vortex::cli {

// Runs the task until it ends. Ctrl-C cancels it. What is logged meanwhile, warnings and worse, goes to stderr.
Status run_in_real_world(const std::function<Task<Status>(Env&)>& task);

}  // namespace vortex::cli
