// What goes to disk: the log and the chunk store.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

Result<Report> bench_disk(const Options& options);

}  // namespace vortex::bench
