// Files between this machine and a cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/remote/progress.h"
#include "tools/remote/remote.h"

namespace vortex::remote {

// What was moved.
struct Transfer {
  std::uint64_t files = 0, bytes = 0, directories = 0;
  std::uint64_t skipped = 0;   // files that were there already
  std::uint64_t left_out = 0;  // what is no file, directory or link
  std::string left_out_last;
  std::uint64_t bytes_sent = 0;    // of chunks, to all their holders; what was there was not sent
  std::uint64_t copies_found = 0;  // of chunks that were there already
  std::optional<node::Inode> last;
  Progress* progress = nullptr;
};

struct StoreWish {
  bool if_absent = false;
  std::optional<std::uint64_t> if_version;
  std::uint8_t replicas = 0;            // copies of each chunk; 0: as many as the directory's policy says
  bool resume = false;                  // files of the same size and time are left as they are
  std::optional<std::uint64_t> offset;  // into the file that is there, from this byte on; kAtEnd: behind it
  static constexpr std::uint64_t kAtEnd = UINT64_MAX;
};

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;
  std::optional<std::uint64_t> from_end;  // instead of both: so many of the last bytes
};

// A local file's mode and times, for a file of the cluster; of standard input those of now.
node::Attributes attributes_of(Env& env, const std::string& source);
// Is the file there as it was stored from here before?
bool unchanged(const node::Inode& there, const node::Attributes& here, std::uint64_t size);
// "-" is standard input.
Task<Status> store_file(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done);
// "-" is standard output. A file appears under its name when it is whole.
Task<Status> fetch_file(Remote& from, std::string path, std::string target, Range range, Transfer& done);
struct Verified {
  std::uint64_t checked = 0;
  std::vector<std::string> damaged;     // bytes that are wrong, or that nobody has
  std::vector<std::string> unreadable;  // whoever has the bytes does not answer now
};
// Reads the file, or all files below the directory, to nowhere.
Task<Status> verify(Remote& from, std::string path, Verified& seen);

}  // namespace vortex::remote
