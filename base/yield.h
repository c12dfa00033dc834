// Lets everything else that is ready run first; for long work that never has to wait.
#pragma once

#include "base/loop.h"

namespace vortex {

// Not ended by cancellation: whoever loops looks at that by a wait of its own.
Task<void> yield(Loop& loop);

}  // namespace vortex
