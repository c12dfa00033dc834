// `vortex top`: the nodes and what they do, again and again.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/cli/text_table.h"
#include "tools/remote/cluster_state.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using remote::ClusterState;
using remote::Remote;

struct Sample {
  Instant at{};
  std::map<NodeId, net::NodeReport> nodes;
  std::map<NodeId, std::uint64_t> applied;  // by leader, of all that it leads
};

Sample sample_of(const ClusterState& state, Instant now) {
  Sample sample;
  sample.at = now;
  for (const net::NodeReport& report : state.nodes.nodes) sample.nodes[report.id] = report;
  for (const net::PartitionReport& partition : state.partitions.partitions)
    sample.applied[partition.leader] += partition.applied;
  return sample;
}

// Growth a second, nothing at first and where it went back (a leader of other partitions than before).
double rate(std::uint64_t now, std::uint64_t before, double seconds) {
  return seconds > 0 && now > before ? static_cast<double>(now - before) / seconds : 0;
}

std::string rate_text(double value) { return value >= 0.5 ? std::to_string(std::llround(value)) : "-"; }

void show(const ClusterState& state, const Sample& now, const Sample& before, cli::Output& out) {
  const double seconds = before.nodes.empty() ? 0 : to_seconds(now.at - before.at);
  TextTable table;
  table.column("NODE");
  table.column("ADDRESS");
  table.column("HEALTH");
  for (const char* title : {"USED", "SHARE", "STORED/s", "CHUNKS", "LEADS", "CHANGES/s", "METADATA"})
    table.column(title, TextTable::Align::right);
  nlohmann::json nodes = nlohmann::json::array();
  for (const net::Member& member : state.members.members) {
    auto report = now.nodes.find(member.id);
    std::string health(dht::to_string(member.health));
    if (report == now.nodes.end()) {
      table.row({member.id.short_hex(), member.address.to_string(), health, "-", "-", "-", "-", "-", "-", "-"});
      nodes.push_back({{"id", member.id.hex()}, {"health", health}});
      continue;
    }
    const net::NodeReport& node = report->second;
    auto old = before.nodes.find(member.id);
    double stored = old == before.nodes.end() ? 0 : rate(node.used, old->second.used, seconds);
    auto applied = now.applied.find(member.id), applied_before = before.applied.find(member.id);
    bool both = applied != now.applied.end() && applied_before != before.applied.end();
    double changes = both ? rate(applied->second, applied_before->second, seconds) : 0;
    double share = node.capacity > 0 ? static_cast<double>(node.used) / static_cast<double>(node.capacity) : 0;
    table.row({member.id.short_hex(), member.address.to_string(), health, human_size(node.used), human_share(share),
               stored > 0 ? human_size(static_cast<std::uint64_t>(stored)) : "-", std::to_string(node.chunks),
               std::to_string(node.leads), rate_text(changes), human_size(node.metadata_bytes)});
    nodes.push_back({{"id", member.id.hex()},
                     {"health", health},
                     {"used", node.used},
                     {"capacity", node.capacity},
                     {"stored_bytes_s", stored},
                     {"chunks", node.chunks},
                     {"leads", node.leads},
                     {"changes_s", changes},
                     {"metadata_bytes", node.metadata_bytes}});
  }
  out.text(table.to_text());
  for (const std::string& warning : state.warnings) out.text("warning  " + warning + "\n");
  out.put("nodes", nodes);
}

Task<Status> top(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(double every, invocation.number("--every", 1, 0.1));
  // Without a terminal two looks, for the rates.
  const bool live = ::isatty(STDOUT_FILENO) != 0 && !out.json();
  CO_ASSIGN_OR_RETURN(double looks, invocation.number("--count", live ? 1e9 : 1, 1));
  Sample before;
  for (double look = 0; look <= looks; ++look) {
    CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
    Sample now = sample_of(state, from.env.now());
    bool shown = live || look > 0;
    if (live) out.text("\x1b[H\x1b[J");
    if (shown) show(state, now, before, out);
    before = std::move(now);
    if (look == looks) break;
    auto pause = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(every));
    Status slept = co_await sleep_for(from.env, pause);
    if (!slept.ok()) co_return Status();
  }
  co_return Status();
}

}  // namespace

cli::Command top_command() {
  cli::Command command;
  command.name = "top";
  command.group = "seeing";
  command.summary = "the nodes and what they do, live until Ctrl-C";
  command.flags = {{"--every", "SECONDS", "how often; 1", 0}, {"--count", "N", "so many times, then end", 0}};
  command.run = remote::with_cluster(top);
  return command;
}

}  // namespace vortex
