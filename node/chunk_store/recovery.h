// Opening: from the files of a store to its catalog.
#pragma once

#include "node/chunk_store/core.h"
#include "node/chunk_store/reports.h"

namespace vortex::node {

// Fills the catalog, raises the epoch, and makes sure that all it took over is durable. The directory is locked.
Task<Result<OpenReport>> recover(StoreCore& core);

}  // namespace vortex::node
