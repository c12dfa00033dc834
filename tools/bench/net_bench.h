// Calls and streams over loopback, beside blocking sockets.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

Result<Report> bench_net(const Options& options);

}  // namespace vortex::bench
