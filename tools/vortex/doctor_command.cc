// `vortex doctor`: what is wrong, and what to type.
#include <nlohmann/json.hpp>

#include "base/task_group.h"
#include "tools/cli/output.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/doctor.h"
#include "tools/vortex/json_list.h"

namespace vortex {

namespace {

using remote::ClusterState;
using remote::Remote;

// Views are compared; in a large cluster those of some must do.
constexpr std::size_t kViewsMax = 64;
constexpr Duration kViewWithin = seconds(3);

Task<void> ask_view(Remote& from, net::Target target, std::vector<MembersSeenBy>& into) {
  net::ListMembersRequest request;
  net::CallOptions options(kViewWithin);
  auto seen = co_await from.session.peers().call<net::ListMembers>(target, std::move(request), std::move(options));
  if (!seen.ok()) co_return;
  MembersSeenBy& view = into.emplace_back();
  view.node = target.id;
  view.members = std::move(seen->response);
}

Task<void> ask_views(Remote& from, const ClusterState& state, std::vector<MembersSeenBy>& into) {
  TaskGroup asking(from.env.loop());
  std::size_t asked = 0;
  for (const net::Member& member : state.members.members)
    if (member.health == net::Health::alive && asked++ < kViewsMax)
      asking.spawn(ask_view(from, net::Target(member.id, member.address), into));
  co_await asking.join();
}

std::string word_of(Finding::Gravity gravity) {
  if (gravity == Finding::Gravity::danger) return "DANGER";
  return gravity == Finding::Gravity::warning ? "warning" : "note";
}

nlohmann::json finding_json(const Finding& finding) {
  return {{"gravity", word_of(finding.gravity)}, {"what", finding.what}, {"to_type", finding.to_type}};
}

Task<Status> doctor(Remote& from, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(ClusterState state, co_await remote::look_at_cluster(from));
  std::vector<MembersSeenBy> views;
  co_await ask_views(from, state, views);
  std::vector<Finding> findings = diagnose(state, views);
  for (const Finding& finding : findings) {
    out.text(word_of(finding.gravity) + ": " + finding.what + "\n");
    if (!finding.to_type.empty()) out.text("    -> " + finding.to_type + "\n");
  }
  if (findings.empty())
    out.text("All " + std::to_string(state.nodes_total) + " nodes are well, and agree on who is there.\n");
  out.put("findings", json_list(findings, finding_json));
  for (const Finding& finding : findings)
    if (finding.gravity == Finding::Gravity::danger) co_return Error(Code::failed, "data or the cluster are in danger");
  co_return Status();
}

}  // namespace

cli::Command doctor_command() {
  cli::Command command;
  command.name = "doctor";
  command.group = "seeing";
  command.summary = "what is wrong, and what to type";
  command.run = remote::with_cluster(doctor);
  return command;
}

}  // namespace vortex
