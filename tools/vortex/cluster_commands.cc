// Commands that show the cluster.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/cli/text_table.h"
#include "tools/remote/cluster_state.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/work_view.h"

namespace vortex {

namespace {

using nlohmann::json;
using remote::ClusterState;
using remote::Remote;

json partition_json(const net::PartitionReport& partition) {
  json members = json::array();
  for (const net::PartitionReplica& replica : partition.members)
    members.push_back({{"id", replica.node.hex()}, {"voter", replica.voter}});
  return {{"id", partition.id},           {"leader", partition.leader.hex()}, {"term", partition.term},
          {"members", members},           {"applied", partition.applied},     {"lag", partition.lag},
          {"records", partition.records}, {"bytes", partition.bytes}};
}

Task<Status> partitions(Remote& from, const cli::Invocation&, cli::Output& out) {
  net::ReportPartitionsRequest request;
  request.everywhere = true;
  CO_ASSIGN_OR_RETURN(net::ReportPartitionsResponse all,
                      co_await from.session.ask<net::ReportPartitions>(request, from.timeout));
  json list = json::array();
  out.text("partition  leader    term  members  applied     lag  records  bytes\n");
  for (const net::PartitionReport& each : all.partitions) {
    list.push_back(partition_json(each));
    auto cell = [](const std::string& text, std::size_t width) {
      return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
    };
    std::size_t voters = static_cast<std::size_t>(std::ranges::count_if(each.members, &net::PartitionReplica::voter));
    std::string members = std::to_string(voters) + "/" + std::to_string(each.members.size());
    out.text(cell(std::to_string(each.id), 9) + "  " + each.leader.short_hex() + cell(std::to_string(each.term), 6) +
             cell(members, 9) + cell(std::to_string(each.applied), 9) + cell(std::to_string(each.lag), 8) +
             cell(std::to_string(each.records), 9) + "  " + human_size(each.bytes) + "\n");
  }
  if (all.partitions.size() < all.partitions_total)
    out.text(std::to_string(all.partitions_total - all.partitions.size()) +
             " partitions have no leader that answers\n");
  out.put("partitions", list);
  co_return Status();
}

json status_json(const ClusterState& state) {
  return {{"cluster_id", state.members.cluster.hex()},
          {"nodes_total", state.nodes_total},
          {"nodes_alive", state.nodes_alive},
          {"partitions", state.partitions.partitions_total},
          {"partitions_without_leader", state.without_leader},
          {"partitions_short_of_members", state.short_of_members},
          {"chunks", state.counts.chunks},
          {"chunks_underreplicated", state.counts.under},
          {"chunks_underreplicated_peak", state.under_peak},
          {"chunks_endangered", state.counts.endangered},
          {"chunks_lost", state.counts.lost},
          {"chunks_misplaced", state.counts.misplaced},
          {"chunks_condemned", state.counts.condemned},
          {"partitions_not_counted", state.partitions_unseen},
          {"bytes_logical", state.counts.bytes},
          {"repair", work_json(state.repair)},
          {"rebalance", work_json(state.rebalance)},
          {"bytes_stored", state.bytes_stored},
          {"bytes_capacity", state.bytes_capacity},
          {"warnings", state.warnings}};
}

Task<Status> status(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  if (invocation.has("--reset-peaks")) {
    net::SteerManagersRequest request;
    request.what = net::Steering::reset_peaks;
    request.everywhere = true;
    auto reset = co_await from.session.ask<net::SteerManagers>(request, from.timeout);
    if (!reset.ok()) co_return reset.error();
  }
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  const json fields = status_json(state);
  for (const auto& [name, value] : fields.items()) out.put(name, value);
  out.text("cluster     " + state.members.cluster.short_hex() + "\n");
  out.text("nodes       " + std::to_string(state.nodes_alive) + " of " + std::to_string(state.nodes_total) +
           " alive\n");
  out.text("partitions  " + std::to_string(state.partitions.partitions_total) + ", " +
           std::to_string(state.without_leader) + " without a leader, " + std::to_string(state.short_of_members) +
           " short of members\n");
  out.text("chunks      " + std::to_string(state.counts.chunks) + ", " + std::to_string(state.counts.under) +
           " with too few copies, " + std::to_string(state.counts.misplaced) + " misplaced\n");
  out.text("space       " + human_size(state.bytes_stored) + " of " + human_size(state.bytes_capacity) +
           " (copies counted)\n");
  if (state.repair.active) out.text("repair      " + work_text(state.repair) + "\n");
  if (state.rebalance.active) out.text("rebalance   " + work_text(state.rebalance) + "\n");
  for (const std::string& warning : state.warnings) out.text("warning     " + warning + "\n");
  co_return Status();
}

Task<Status> wait_healthy(Remote& from, const cli::Invocation&, cli::Output& out) {
  Instant deadline = from.env.now() + from.timeout;
  while (true) {
    auto state = co_await remote::look_at_cluster(from);
    if (state.ok() && state->healthy()) {
      out.put("healthy", true);
      co_return Status();
    }
    if (from.env.now() >= deadline) {
      out.put("healthy", false);
      if (!state.ok()) co_return state.error();
      co_return Error(Code::timed_out, "not healthy: " + state->complaint());
    }
    CO_RETURN_IF_ERROR(co_await sleep_for(from.env, milliseconds(200)));
  }
}

Task<Status> df(Remote& from, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  std::uint64_t left = state.bytes_capacity - std::min(state.bytes_capacity, state.bytes_stored);
  out.text(human_size(state.bytes_capacity) + " capacity, " + human_size(state.bytes_stored) + " used, " +
           human_size(left) + " left (copies counted)\n");
  out.put("bytes_capacity", state.bytes_capacity);
  out.put("bytes_stored", state.bytes_stored);
  out.put("bytes_left", left);
  co_return Status();
}

cli::Command seeing(std::string name, std::string summary, remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = "seeing";
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

}  // namespace

std::vector<cli::Command> cluster_commands() {
  cli::Command how = seeing("status", "how the cluster is", status);
  how.flags = {{"--reset-peaks", "", "forget the highest counts so far", 0}};
  return {how, seeing("wait healthy", "waits until all nodes are alive and all partitions complete", wait_healthy),
          seeing("partitions", "who leads which partition, and how far it is", partitions),
          seeing("df", "how much space there is", df)};
}

}  // namespace vortex
