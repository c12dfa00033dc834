// Work for a chunk store, of one kind at a time, and how long it took.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace vortex::bench {

enum class LoadKind {
  nothing,               // only open
  put,                   // `count` new chunks, one sync at the end
  get_in_order,          // each chunk once, as they were put
  get_at_random,         // many times `count`
  mixed_over_half_dead,  // puts and gets with pauses, in a store half of whose chunks were erased
};

struct ChunkLoad {
  std::string directory;
  std::uint64_t count = 0;       // chunks
  std::size_t size = 0;          // of each
  std::size_t clients = 1;       // at once
  bool reclaim = false;          // meanwhile, as fast as it goes
  std::string copy_before_stop;  // what a kill would leave goes there
};

struct LoadResult {
  double open_seconds = 0;
  double seconds = 0;      // of the work alone
  double cpu_seconds = 0;  // of all threads meanwhile
  std::uint64_t operations = 0;
  std::uint64_t chunks = 0, index_bytes = 0, reclaimed = 0;
  std::vector<double> latencies_us;
};

// In a world of its own, on this thread.
Result<LoadResult> run_load(LoadKind kind, const ChunkLoad& load);

}  // namespace vortex::bench
