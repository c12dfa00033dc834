// Scripts that make a shell complete what is typed after `vortex`, from the declarations of its commands.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"

namespace vortex::cli {

std::string bash_completion(const std::vector<Command>& commands);
std::string zsh_completion(const std::vector<Command>& commands);

}  // namespace vortex::cli
