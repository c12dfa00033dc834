// Repair, rebalance, scrub and events: how far they are, and what people order.
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "tools/cli/output.h"
#include "tools/cli/text_table.h"
#include "tools/remote/cluster_state.h"
#include "tools/remote/file_text.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/work_view.h"

namespace vortex {

namespace {

using nlohmann::json;
using remote::ClusterState;
using remote::Remote;

Task<Status> show_work(Remote& from, cli::Output& out, net::WorkReport ClusterState::*which) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  const net::WorkReport& work = state.*which;
  const json fields = work_json(work);
  for (const auto& [name, value] : fields.items()) out.put(name, value);
  out.text(work_text(work) + "\n");
  if (state.partitions_unseen > 0)
    out.text("not counted yet: " + std::to_string(state.partitions_unseen) + " partitions\n");
  co_return Status();
}
Task<Status> repair_status(Remote& from, const cli::Invocation&, cli::Output& out) {
  return show_work(from, out, &ClusterState::repair);
}
Task<Status> rebalance_status(Remote& from, const cli::Invocation&, cli::Output& out) {
  return show_work(from, out, &ClusterState::rebalance);
}

Task<Status> order(Remote& at, net::Steering what, std::uint64_t rate, bool everywhere, cli::Output& out) {
  net::SteerManagersRequest request;
  request.what = what;
  request.rate_bytes = rate;
  request.everywhere = everywhere;
  CO_ASSIGN_OR_RETURN(net::SteerManagersResponse done,
                      co_await at.session.ask<net::SteerManagers>(request, at.timeout));
  if (everywhere) out.put("nodes", done.nodes);
  co_return Status();
}

template <net::Steering kWhat>
Task<Status> steer(Remote& at, const cli::Invocation&, cli::Output& out) {
  return order(at, kWhat, 0, false, out);
}
Task<Status> repair_resume(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  bool anyway = invocation.has("--anyway");
  return order(at, anyway ? net::Steering::resume_repair_anyway : net::Steering::resume_repair, 0, false, out);
}
Task<Status> rebalance_rate(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  std::uint64_t rate = 0;
  if (invocation.arguments[0] != "unlimited") {
    CO_ASSIGN_OR_RETURN(rate, parse_size(invocation.arguments[0]));
  }
  CO_RETURN_IF_ERROR(co_await order(at, net::Steering::set_rate, rate, false, out));
  out.put("rate_bytes", rate);
  co_return Status();
}
Task<Status> scrub_start(Remote& at, const cli::Invocation&, cli::Output& out) {
  return order(at, net::Steering::start_scrub, 0, true, out);
}

Task<Status> scrub_status(Remote& from, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  json nodes = json::array();
  for (const net::UpkeepReport& node : state.upkeep.nodes) {
    const net::ScrubWork& scrub = node.scrub;
    std::string finished = scrub.finished_ns == 0 ? std::string() : remote::time_text(scrub.finished_ns);
    nodes.push_back({{"id", node.node.hex()},
                     {"active", scrub.active},
                     {"passes", scrub.passes},
                     {"bytes", scrub.bytes},
                     {"chunks", scrub.values},
                     {"damaged", scrub.damaged},
                     {"finished", finished}});
    out.text(node.node.short_hex() + "  " + (scrub.active ? "reads" : "rests") + ", " + std::to_string(scrub.passes) +
             " passes since its start" +
             (finished.empty() ? std::string()
                               : ", the last one at " + finished + ": " + std::to_string(scrub.values) + " chunks, " +
                                     human_size(scrub.bytes) + ", " + std::to_string(scrub.damaged) + " damaged") +
             "\n");
  }
  out.put("nodes", nodes);
  co_return Status();
}

Task<Status> events(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(double count, invocation.number("--count", 100, 1));
  net::ListEventsRequest request;
  request.everywhere = true;
  request.max = static_cast<std::uint32_t>(std::min(count, 1000.0));
  CO_ASSIGN_OR_RETURN(net::ListEventsResponse all, co_await from.session.ask<net::ListEvents>(request, from.timeout));
  json list = json::array();
  for (const net::EventReport& event : all.events) {
    std::string time = remote::time_text(event.time_ns);
    list.push_back({{"time", time}, {"node", event.node.hex()}, {"kind", event.kind}, {"text", event.text}});
    out.text(time + "  " + event.node.short_hex() + "  " + event.kind + ": " + remote::printable(event.text) + "\n");
  }
  out.put("events", list);
  co_return Status();
}

cli::Command managing(std::string group, std::string name, std::string summary, remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = std::move(group);
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

}  // namespace

std::vector<cli::Command> repair_commands() {
  using net::Steering;
  cli::Command resume = managing("running", "repair resume", "goes on copying what has too few copies", repair_resume);
  resume.flags = {{"--anyway", "", "for the next hour also while many members look dead", 0}};
  cli::Command rate = managing("running", "rebalance rate",
                               "the most that a node takes in a second, by repair and rebalance", rebalance_rate);
  rate.arguments = "SIZE|unlimited";
  rate.arguments_min = rate.arguments_max = 1;
  cli::Command story = managing("seeing", "events", "what happened lately, on all nodes", events);
  story.flags = {{"--count", "N", "at most so many, the latest; 100", 0}};
  return {story,
          managing("running", "repair status", "how far repair is", repair_status),
          managing("running", "repair pause", "copies nothing until it is resumed", steer<Steering::pause_repair>),
          resume,
          managing("running", "rebalance status", "how far rebalancing is", rebalance_status),
          managing("running", "rebalance pause", "moves nothing until it is resumed", steer<Steering::pause_rebalance>),
          managing("running", "rebalance resume", "goes on moving chunks to where they belong",
                   steer<Steering::resume_rebalance>),
          rate,
          managing("running", "scrub start", "reads every chunk again, now", scrub_start),
          managing("running", "scrub status", "when every chunk was read last, and what was found", scrub_status)};
}

}  // namespace vortex
