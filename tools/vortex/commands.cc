#include "tools/vortex/commands.h"

#include <algorithm>
#include <iterator>

#include "tools/vortex/doctor_deep.h"

namespace vortex {

// In the order in which help lists them.
std::vector<cli::Command> commands() {
  std::vector<cli::Command> all;
  for (auto family : {transfer_commands, list_commands, file_commands, cluster_commands, nodes_commands,
                      repair_commands, policy_commands, access_commands, dev_commands})
    std::ranges::move(family(), std::back_inserter(all));
  for (auto one : {where_command, top_command, doctor_command, bench_command, chunk_command, wal_inspect_command,
                   chunks_inspect_command, completion_command, version_command})
    all.push_back(one());
  add_deep_look(all);
  return all;
}

}  // namespace vortex
