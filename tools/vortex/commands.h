// The commands of the `vortex` program.
#pragma once

#include <vector>

#include "tools/cli/command.h"

namespace vortex {

std::vector<cli::Command> commands();

// One function a command, or a family of them, each in a file of its name.
std::vector<cli::Command> access_commands();
cli::Command bench_command();
cli::Command chunk_command();
cli::Command chunks_inspect_command();
std::vector<cli::Command> cluster_commands();
cli::Command completion_command();
std::vector<cli::Command> dev_commands();
cli::Command doctor_command();
std::vector<cli::Command> file_commands();
std::vector<cli::Command> list_commands();
std::vector<cli::Command> nodes_commands();
std::vector<cli::Command> repair_commands();
std::vector<cli::Command> policy_commands();
cli::Command top_command();
std::vector<cli::Command> transfer_commands();
cli::Command version_command();
cli::Command wal_inspect_command();
cli::Command where_command();

}  // namespace vortex
