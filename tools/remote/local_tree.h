// Whole directories between this machine and a cluster, several files at a time.
#pragma once

#include "tools/remote/transfer.h"

namespace vortex::remote {

// Files, directories and symbolic links; modes and times are kept, others (devices, sockets) are left out. Directories
// that are there already are filled up.
Task<Status> store_tree(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done);
Task<Status> fetch_tree(Remote& from, std::string path, std::string target, Transfer& done);

}  // namespace vortex::remote
