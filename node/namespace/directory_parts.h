// The parts of directories: a large directory is a binary tree of parts by the leading bits of its names' hashes, each
// in a place (and so most likely in a partition) of its own. Small ones are one part, in the directory's own place.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "dht/records.h"
#include "node/namespace/spot.h"

namespace vortex::node {

struct PartOptions {
  // A part with more entries is split in two.
  std::size_t entries_max = 32'768;
  // One of so many new entries has its part counted.
  std::uint32_t count_one_in = 2048;
  // Directories whose splits are remembered.
  std::size_t hints_max = 1024;

  PartOptions() {}
};

struct PartState {
  Part part;
  Id place;
  dht::Version header = 0;  // of its PartHeader; 0: there is none
  dht::Version fork = 0;    // of its PartFork
  bool moving = false;
  std::optional<FileTime> pulse;
};

// Invariants: an entry is in a part without a fork, or in one whose fork is `moving`, or in a child of that; never in
// two. A part is split only when the fork above it is not moving. Children disappear only when both are empty.
class DirectoryParts {
 public:
  DirectoryParts(Env& env, dht::Records& records, PartOptions options)
      : env_(env), records_(records), options_(options) {}

  // From what is remembered, which may be out of date: entries can be made only where relocate() would agree.
  Spot locate(const Id& directory, const std::string& name) const;
  // Looks where this part of the directory is now. `not_found` when the directory is gone.
  Task<Status> relocate(Id directory, Part part, Duration timeout);
  // As it is in the records.
  Task<Result<PartState>> look(Id directory, Part part, Duration timeout);
  // All of them, those above before those below. Remembers what it sees.
  Task<Result<std::vector<PartState>>> all(Id directory, Duration timeout);
  // From memory: leaves, and forks that are moving before what is below them.
  std::vector<PartState> remembered(const Id& directory) const;
  // From a scan of names from RecordKind::part on.
  static Status read_markers(const std::vector<dht::Record>& records, PartState& state);

  // Moves this name's entry to where locate() says, if it is still in the old place.
  Task<Status> move_name(Spot spot, Duration timeout);
  // Splits the part in which the name lies when it is too large, or goes on with a split that somebody began.
  Task<Status> tend(Id directory, std::string name, Duration timeout);
  Task<Status> split(Id directory, Part part, Duration timeout);
  // One part again; `not_empty` when there are entries.
  Task<Status> collapse(Id directory, Part part, Duration timeout);

  void forget(const Id& directory) { hints_.erase(directory); }

 private:
  using Forks = std::map<Part, bool>;  // parts known to be split, and whether that is still moving

  void remember(const Id& directory, const PartState& state);
  void collect(const Forks* forks, const Id& directory, Part part, std::vector<PartState>& out) const;
  Task<Result<bool>> too_large(Id place, Duration timeout);
  Task<Status> finish_split(Id directory, Part part, Duration timeout);
  // Moves some entries; false when there were none.
  Task<Result<bool>> move_some(Id directory, Part part, Duration timeout);
  Task<Status> plan_move(Plan& plan, const dht::Record& record, Id directory, Part part, Duration timeout);

  Env& env_;
  dht::Records& records_;
  const PartOptions options_;
  std::map<Id, Forks> hints_;
};

}  // namespace vortex::node
