#include "wal/sync_above.h"

#include <algorithm>

namespace vortex::wal {

Task<Status> sync_above(Disk& disk, std::string directory) {
  while (true) {
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    std::size_t slash = directory.rfind('/');
    if (directory == "/" || directory == ".") co_return Status();
    directory = slash == std::string::npos ? "." : directory.substr(0, std::max<std::size_t>(slash, 1));
    auto synced = co_await disk.sync_directory(directory);
    // Those that we may not even open we have not made either.
    if (!synced.ok() && !synced.is(Code::permission_denied)) co_return synced;
  }
}

}  // namespace vortex::wal
