// Making the names of new directories durable.
#pragma once

#include <string>

#include "base/disk.h"

namespace vortex::wal {

// The name of a new directory is durable only after the one above it was synced: this syncs all above it.
Task<Status> sync_above(Disk& disk, std::string directory);

}  // namespace vortex::wal
