// Manual pages, from the same declarations as the programs' own help.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/command.h"

namespace vortex::cli {

// vortex(1).
std::string man_page(const std::vector<Command>& commands);
// Text for roff: nothing in it is an instruction.
std::string roff(std::string_view text);

}  // namespace vortex::cli
