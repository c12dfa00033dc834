// How a cluster is, put together from what its nodes say.
#pragma once

#include <string>
#include <vector>

#include "dht/members/member.h"
#include "tools/remote/remote.h"

namespace vortex::remote {

struct ClusterState {
  net::ListMembersResponse members;
  net::ReportNodesResponse nodes;  // that answered
  net::ReportPartitionsResponse partitions;

  std::size_t nodes_total = 0, nodes_alive = 0;
  std::size_t without_leader = 0, short_of_members = 0;
  std::uint64_t chunks = 0, bytes_stored = 0, bytes_capacity = 0;
  std::vector<std::string> warnings;

  bool healthy() const { return complaint().empty(); }
  // What is missing to being healthy, in words; empty when nothing is.
  std::string complaint() const;
};

Task<Result<ClusterState>> look_at_cluster(Remote& from);

}  // namespace vortex::remote
