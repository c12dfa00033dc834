// `vortex nodes` and `vortex ring`, over a cluster.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/remote/cluster_state.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/nodes_view.h"
#include "tools/vortex/ring_view.h"

namespace vortex {

namespace {

using remote::ClusterState;
using remote::Remote;

std::map<NodeId, net::NodeReport> by_id(const ClusterState& state) {
  std::map<NodeId, net::NodeReport> reports;
  for (const net::NodeReport& report : state.nodes.nodes) reports[report.id] = report;
  return reports;
}

Task<Status> nodes(Remote& from, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  std::map<NodeId, net::NodeReport> reports = by_id(state);
  std::vector<NodeView> views;
  for (const net::Member& member : state.members.members) {
    const net::NodeReport& report = reports[member.id];
    NodeView& view = views.emplace_back();
    view.id = member.id;
    view.address = member.address.to_string();
    view.zone = member.zone;
    view.health = dht::to_string(member.health);
    view.standing = dht::to_string(member.standing);
    view.capacity = member.capacity;
    view.used = report.used;
    view.leads = report.leads;
    view.uptime_s = report.uptime_s;
    view.version = report.version;
  }
  out.text(nodes_text(views));
  out.put("nodes", nodes_json(views));
  co_return Status();
}

Task<Status> ring(Remote& from, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  std::map<NodeId, net::NodeReport> reports = by_id(state);
  RingView view;
  view.copies = state.members.settings.replicas;
  view.stored = state.bytes_stored;
  for (const net::Member& member : state.members.members) {
    RingNodeView& node = view.nodes.emplace_back();
    bool lost = std::ranges::find(state.members.lost, member.id) != state.members.lost.end();
    node.id = member.id;
    node.address = member.address.to_string();
    node.zone = member.zone;
    node.weight = member.standing == net::MemberStanding::active && !lost ? member.capacity : 0;
    node.used = reports[member.id].used;
    node.alive = member.health == net::Health::alive;
  }
  RingStyle style;
  style.color = ::isatty(STDOUT_FILENO) != 0;
  out.text(ring_text(view, style));
  const nlohmann::json json = ring_json(view);
  for (const auto& [name, value] : json.items()) out.put(name, value);
  co_return Status();
}

}  // namespace

std::vector<cli::Command> nodes_commands() {
  cli::Command all_nodes;
  all_nodes.name = "nodes";
  all_nodes.group = "seeing";
  all_nodes.summary = "the nodes, how they are and what they hold";
  all_nodes.run = remote::with_cluster(nodes);
  cli::Command drawing;
  drawing.name = "ring";
  drawing.group = "seeing";
  drawing.summary = "the ring, drawn: shares, zones, weights";
  drawing.run = remote::with_cluster(ring);
  return {all_nodes, drawing};
}

}  // namespace vortex
