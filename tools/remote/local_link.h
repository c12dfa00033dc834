// Symbolic links between this machine and a cluster.
#pragma once

#include <string>

#include "tools/remote/transfer.h"

namespace vortex::remote {

// The link takes the place of another link or of a file; of a directory never. With `if_absent` of nothing.
Task<Status> store_link(Remote& to, std::string source, std::string path, bool if_absent);
Status fetch_link(Random& random, const std::string& link_target, const std::string& here);

}  // namespace vortex::remote
