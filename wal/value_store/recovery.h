// Opening: from the files of a store to its catalog.
#pragma once

#include "wal/value_store/core.h"
#include "wal/value_store/reports.h"

namespace vortex::wal::values {

// Fills the catalog, raises the epoch, and makes sure that all it took over is durable. The directory is locked.
Task<Result<OpenReport>> recover(StoreCore& core);

}  // namespace vortex::wal::values
