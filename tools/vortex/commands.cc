#include "tools/vortex/commands.h"

namespace vortex {

// In the order in which help lists them.
std::vector<cli::Command> commands() {
  return {bench_command(), chunk_command(), wal_inspect_command(), chunks_inspect_command(), version_command()};
}

}  // namespace vortex
