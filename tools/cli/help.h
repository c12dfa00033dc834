// What the program says about itself, from the declarations of its commands.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace vortex::cli {

// All commands, by group.
std::string help_text(const std::vector<Command>& commands);
// One command: how to call it, what it does, its flags.
std::string help_text(const Command& command);

}  // namespace vortex::cli
