#include "tools/remote/cluster_state.h"

#include <algorithm>

namespace vortex::remote {

namespace {

std::string counted(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

void add(net::WorkReport& sum, const net::WorkReport& one) {
  sum.active = sum.active || one.active;
  sum.paused = sum.paused || one.paused;
  sum.done += one.done;
  sum.left += one.left;
  sum.bytes_done += one.bytes_done;
  sum.bytes_left += one.bytes_left;
  sum.rate_bytes += one.rate_bytes;
  if (sum.waits.empty()) sum.waits = one.waits;
}

void sum_up_chunks(ClusterState& state) {
  std::size_t seen = 0;
  for (const net::UpkeepReport& node : state.upkeep.nodes) {
    net::ChunkCounts& sum = state.counts;
    seen += node.partitions_seen;
    sum.chunks += node.counts.chunks;
    sum.condemned += node.counts.condemned;
    sum.lost += node.counts.lost;
    sum.endangered += node.counts.endangered;
    sum.under += node.counts.under;
    sum.misplaced += node.counts.misplaced;
    sum.bytes += node.counts.bytes;
    state.under_peak += node.under_peak;
    add(state.repair, node.repair);
    add(state.rebalance, node.rebalance);
  }
  const std::size_t partitions = state.members.settings.partitions;
  state.partitions_unseen = partitions > seen ? partitions - seen : 0;
  auto warn = [&state](std::uint64_t count, const std::string& what) {
    if (count > 0) state.warnings.push_back(counted(count, "chunk ", "chunks ") + what);
  };
  warn(state.counts.lost, "without any copy that is known");
  warn(state.counts.endangered, "with one copy only that answers");
  if (!state.repair.waits.empty()) state.warnings.push_back("repair: " + state.repair.waits);
  if (!state.rebalance.waits.empty() && state.rebalance.waits != state.repair.waits)
    state.warnings.push_back("rebalance: " + state.rebalance.waits);
}

void sum_up(ClusterState& state) {
  for (const net::Member& member : state.members.members) {
    ++state.nodes_total;
    if (member.health == net::Health::alive) ++state.nodes_alive;
    if (member.health != net::Health::alive)
      state.warnings.push_back("node " + member.id.short_hex() + " at " + member.address.to_string() + " is " +
                               std::string(dht::to_string(member.health)));
  }
  for (const net::NodeReport& node : state.nodes.nodes) {
    state.bytes_stored += node.used;
    state.bytes_capacity += node.capacity;
    if (node.chunks_damaged > 0)
      state.warnings.push_back("node " + node.id.short_hex() + " has " +
                               counted(node.chunks_damaged, "damaged chunk", "damaged chunks"));
  }
  const net::ClusterSettings& settings = state.members.settings;
  std::size_t led = state.partitions.partitions.size();
  state.without_leader = settings.partitions > led ? settings.partitions - led : 0;
  // A cluster of two cannot have three voters, and one of four has no use for four.
  std::size_t wanted = std::min<std::size_t>(settings.replicas, state.nodes_total);
  if (wanted % 2 == 0 && wanted > 0) --wanted;
  for (const net::PartitionReport& partition : state.partitions.partitions) {
    auto voters = std::ranges::count_if(partition.members, &net::PartitionReplica::voter);
    if (static_cast<std::size_t>(voters) < wanted) ++state.short_of_members;
  }
  if (state.without_leader > 0)
    state.warnings.push_back(counted(state.without_leader, "partition has", "partitions have") +
                             " no leader that answers");
  if (state.nodes_total < settings.replicas)
    state.warnings.push_back(counted(settings.replicas - state.nodes_total, "more node is", "more nodes are") +
                             " wanted for " + std::to_string(settings.replicas) + " copies");
}

}  // namespace

std::string ClusterState::complaint() const {
  if (nodes_alive < nodes_total) return std::to_string(nodes_total - nodes_alive) + " nodes are not alive";
  if (without_leader > 0) return std::to_string(without_leader) + " partitions have no leader";
  if (short_of_members > 0) return std::to_string(short_of_members) + " partitions are short of members";
  if (nodes.nodes.size() < nodes_total) return "not all nodes answer";
  if (partitions_unseen > 0) return counted(partitions_unseen, "partition is", "partitions are") + " not counted yet";
  if (counts.under > 0) return counted(counts.under, "chunk has", "chunks have") + " too few copies";
  if (counts.misplaced > 0)
    return counted(counts.misplaced, "chunk is", "chunks are") + " not yet where " +
           (counts.misplaced == 1 ? "it belongs" : "they belong");
  return "";
}

std::optional<std::uint64_t> eta_seconds(const net::WorkReport& work) {
  if (work.left == 0) return 0;
  if (work.rate_bytes == 0) return std::nullopt;
  return work.bytes_left / work.rate_bytes + 1;
}

Task<Result<ClusterState>> look_at_cluster(Remote& from) {
  ClusterState state;
  CO_RETURN_IF_ERROR(co_await from.session.refresh(from.timeout));
  state.members = from.session.members();
  net::ReportNodesRequest nodes;
  nodes.everywhere = true;
  CO_ASSIGN_OR_RETURN(state.nodes, co_await from.session.ask<net::ReportNodes>(nodes, from.timeout));
  net::ReportPartitionsRequest partitions;
  partitions.everywhere = true;
  CO_ASSIGN_OR_RETURN(state.partitions, co_await from.session.ask<net::ReportPartitions>(partitions, from.timeout));
  net::ReportUpkeepRequest upkeep;
  upkeep.everywhere = true;
  CO_ASSIGN_OR_RETURN(state.upkeep, co_await from.session.ask<net::ReportUpkeep>(upkeep, from.timeout));
  sum_up(state);
  sum_up_chunks(state);
  co_return state;
}

}  // namespace vortex::remote
