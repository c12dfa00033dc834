// What kind of damage it is.
#pragma once

#include "wal/value_store/options.h"

namespace vortex::wal::values {

// The disk refuses to give back what was written; otherwise it gives back something else.
bool unreadable(const Damage& damage);

}  // namespace vortex::wal::values
