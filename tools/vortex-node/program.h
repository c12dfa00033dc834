// The daemon: one node, from its settings to its end.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace vortex {

// Returns the exit status: 0 after SIGTERM or SIGINT, by the table of errors when it cannot start.
int run_node_program(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace vortex
