// `vortex doctor --deep`: all records of the file system against each other.
#pragma once

#include <vector>

#include "tools/cli/command.h"

namespace vortex {

// Gives `doctor` its --deep, and makes a `doctor` that has nothing else where there is none.
void add_deep_look(std::vector<cli::Command>& commands);

}  // namespace vortex
