// The log beside a plain loop of pwrite and fdatasync with batches of the same size.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

// Part of the disk bench: its rows are added to the report.
Status add_wal_rows(const Options& options, Report& report);

}  // namespace vortex::bench
