// Files between this machine and a cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/remote/remote.h"

namespace vortex::remote {

// What was moved.
struct Transfer {
  std::uint64_t files = 0, bytes = 0, directories = 0;
  std::optional<node::Inode> last;
};

struct StoreWish {
  bool if_absent = false;
  std::optional<std::uint64_t> if_version;
};

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;
  std::optional<std::uint64_t> from_end;  // instead of both: so many of the last bytes
};

// "-" is standard input.
Task<Status> store_file(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done);
// "-" is standard output. A file appears under its name when it is whole.
Task<Status> fetch_file(Remote& from, std::string path, std::string target, Range range, Transfer& done);
// Reads the file, or all files below the directory, to nowhere. Those that are damaged are listed.
Task<Status> verify(Remote& from, std::string path, std::uint64_t& checked, std::vector<std::string>& damaged);

}  // namespace vortex::remote
