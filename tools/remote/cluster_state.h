// How a cluster is, put together from what its nodes say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dht/members/member.h"
#include "net/messages/repair.h"
#include "tools/remote/remote.h"

namespace vortex::remote {

struct ClusterState {
  net::ListMembersResponse members;
  net::ReportNodesResponse nodes;  // that answered
  net::ReportPartitionsResponse partitions;
  net::ReportUpkeepResponse upkeep;

  std::size_t nodes_total = 0, nodes_alive = 0;
  std::size_t without_leader = 0, short_of_members = 0;
  std::uint64_t bytes_stored = 0, bytes_capacity = 0;
  net::ChunkCounts counts;  // over all partitions
  std::uint64_t under_peak = 0;
  std::size_t partitions_unseen = 0;  // whose chunks nobody has counted since members last changed
  net::WorkReport repair, rebalance;  // of all nodes together
  std::vector<std::string> warnings;

  bool healthy() const { return complaint().empty(); }
  // What is missing to being healthy, in words; empty when nothing is.
  std::string complaint() const;
};

Task<Result<ClusterState>> look_at_cluster(Remote& from);

// What is left to do divided by how fast it goes; nothing while nothing moves.
std::optional<std::uint64_t> eta_seconds(const net::WorkReport& work);

}  // namespace vortex::remote
