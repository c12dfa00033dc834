// Linearizable records: puts, reads, scans, what they take in memory, restarts, and what idle groups cost.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

Result<Report> bench_records(const Options& options);

}  // namespace vortex::bench
