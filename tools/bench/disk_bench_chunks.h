// The chunk store beside plain reads and writes of files, and against what it promises.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

// Part of the disk bench: its rows are added to the report.
Status add_chunk_rows(const Options& options, Report& report);

}  // namespace vortex::bench
