#include "tools/vortex/commands.h"

namespace vortex {

// In the order in which help lists them.
std::vector<cli::Command> commands() { return {bench_command(), version_command()}; }

}  // namespace vortex
