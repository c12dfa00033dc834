// The commands of the `vortex` program.
#pragma once

#include <vector>

#include "tools/cli/command.h"

namespace vortex {

std::vector<cli::Command> commands();

// One function a command, each in a file of its name.
cli::Command bench_command();
cli::Command chunk_command();
cli::Command chunks_inspect_command();
cli::Command version_command();
cli::Command wal_inspect_command();

}  // namespace vortex
