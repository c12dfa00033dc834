// The chunker's stages beside the bare library calls they are made of, one thread each; and the whole pipeline.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

Result<Report> bench_chunker(const Options& options);

}  // namespace vortex::bench
