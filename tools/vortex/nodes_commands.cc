// `vortex nodes` and `vortex ring`, over a cluster.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/units.h"
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

RingView view_of(const ClusterState& state) {
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
  return view;
}

// "2TiB" or "2TiB,rack-3".
Result<dht::RingNode> parse_new_node(const std::string& text) {
  std::size_t comma = std::min(text.find(','), text.size());
  dht::RingNode node;
  auto capacity = parse_size(text.substr(0, comma));
  if (!capacity.ok() || *capacity == 0)
    return Error(Code::invalid_argument, "--with " + text + ": a capacity is needed, like 2TiB or 2TiB,ZONE");
  node.weight = *capacity;
  node.zone = text.substr(std::min(comma + 1, text.size()));
  // Any id will do: shares do not depend on it.
  node.id = sha256(as_bytes("a node that may join"));
  return node;
}

// What the ring would be after the change that was asked about.
Result<dht::Ring> ring_after(const RingView& view, const net::ListMembersResponse& members,
                             const cli::Invocation& invocation) {
  dht::Ring ring = ring_of(view);
  if (auto joins = invocation.text("--with")) {
    ASSIGN_OR_RETURN(dht::RingNode node, parse_new_node(*joins));
    ring = dht::with_node(ring, std::move(node));
  }
  if (auto leaves = invocation.text("--without")) {
    ASSIGN_OR_RETURN(net::Member member, member_named(members, *leaves));
    ring = dht::without_node(ring, member.id);
  }
  return ring;
}

Task<Status> ring(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  RingView view = view_of(state);
  if (invocation.has("--with") || invocation.has("--without")) {
    CO_ASSIGN_OR_RETURN(dht::Ring after, ring_after(view, state.members, invocation));
    dht::RingPreview preview = dht::preview_bytes(ring_of(view), after, view.copies, view.stored);
    out.text(preview_text(preview, view));
    const nlohmann::json json = preview_json(preview);
    for (const auto& [name, value] : json.items()) out.put(name, value);
    co_return Status();
  }
  RingStyle style;
  style.color = ::isatty(STDOUT_FILENO) != 0;
  out.text(ring_text(view, style));
  const nlohmann::json json = ring_json(view);
  for (const auto& [name, value] : json.items()) out.put(name, value);
  co_return Status();
}

// Shows the settings, or changes what is said of them.
Task<Status> topology(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  CO_RETURN_IF_ERROR(co_await from.session.refresh(from.timeout));
  net::ClusterSettings settings = from.session.members().settings;
  net::ChangeSettingsRequest request;
  request.topology = settings.topology;
  request.heartbeat_ms = settings.heartbeat_ms;
  if (!invocation.arguments.empty()) {
    const std::string& word = invocation.arguments[0];
    if (word != "ring" && word != "all-to-all")
      co_return Error(Code::invalid_argument, word + ": a topology is all-to-all or ring");
    request.topology = word == "ring" ? net::Topology::ring : net::Topology::all_to_all;
  }
  if (auto said = invocation.text("--heartbeat")) {
    CO_ASSIGN_OR_RETURN(Duration heartbeat, parse_duration(*said));
    request.heartbeat_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(0, to_ms(heartbeat)));
  }
  if (!invocation.arguments.empty() || invocation.has("--heartbeat")) {
    auto changed = co_await from.session.ask<net::ChangeSettings>(request, from.timeout);
    if (!changed.ok()) co_return std::move(changed).error();
    settings = changed->settings;
  }
  std::string name(dht::to_string(settings.topology));
  out.text(name + ", a heartbeat every " + std::to_string(settings.heartbeat_ms) + " ms\n");
  out.put("topology", name);
  out.put("heartbeat_ms", settings.heartbeat_ms);
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
  drawing.details =
      "With --with or --without nothing is changed: it tells how many bytes such a change would move, from whom to "
      "whom.";
  drawing.flags = {{"--with", "SIZE[,ZONE]", "if a node of this capacity joined"},
                   {"--without", "NODE", "if this node went"}};
  drawing.run = remote::with_cluster(ring);
  cli::Command links;
  links.name = "topology";
  links.group = "running";
  links.arguments = "[all-to-all|ring]";
  links.arguments_max = 1;
  links.summary = "who exchanges heartbeats with whom, and how often";
  links.flags = {{"--heartbeat", "TIME", "between two heartbeats, from 50ms to 10s"}};
  links.run = remote::with_cluster(topology);
  return {all_nodes, drawing, links};
}

}  // namespace vortex
