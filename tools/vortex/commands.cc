#include "tools/vortex/commands.h"

namespace vortex {

// In the order in which help lists them.
std::vector<cli::Command> commands() {
  std::vector<cli::Command> all = {bench_command(), chunk_command(), wal_inspect_command(), chunks_inspect_command(),
                                   version_command()};
  for (cli::Command& command : dev_commands()) all.push_back(std::move(command));
  return all;
}

}  // namespace vortex
