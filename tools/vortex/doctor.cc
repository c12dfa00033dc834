#include "tools/vortex/doctor.h"

#include <algorithm>
#include <map>
#include <set>

#include "dht/ring/advice.h"
#include "node/client/session.h"
#include "tools/cli/text_table.h"

namespace vortex {

namespace {

using Gravity = Finding::Gravity;
using net::Health;
using net::Member;
using net::MemberStanding;

// Beyond so many, everybody's heartbeats with everybody cost more than they are worth.
constexpr std::size_t kAllToAllMax = 300;
// A node fuller than this will soon refuse what the ring gives it.
constexpr double kNearlyFull = 0.9;

std::string name_of(const Member& member) {
  return "node " + member.id.short_hex() + " at " + member.address.to_string();
}

class Doctor {
 public:
  Doctor(const remote::ClusterState& state, const std::vector<MembersSeenBy>& views) : state_(state), views_(views) {
    for (const net::NodeReport& report : state.nodes.nodes) reports_[report.id] = &report;
  }

  std::vector<Finding> diagnose() {
    for (const Member& member : state_.members.members) {
      look_at_health(member);
      look_at_standing(member);
      look_at_space(member);
    }
    compare_views();
    compare_versions();
    look_at_addresses();
    look_at_size();
    look_at_zones();
    auto graver = [](const Finding& a, const Finding& b) { return a.gravity > b.gravity; };
    std::stable_sort(findings_.begin(), findings_.end(), graver);
    return std::move(findings_);
  }

 private:
  void find(Gravity gravity, std::string what, std::string to_type = std::string()) {
    findings_.push_back(Finding{gravity, std::move(what), std::move(to_type)});
  }
  bool lost(const NodeId& id) const { return std::ranges::find(state_.members.lost, id) != state_.members.lost.end(); }
  const net::NodeReport* report_of(const NodeId& id) const {
    auto found = reports_.find(id);
    return found == reports_.end() ? nullptr : found->second;
  }
  std::string name_of_id(const NodeId& id) const {
    for (const Member& member : state_.members.members)
      if (member.id == id) return name_of(member);
    return "node " + id.short_hex();
  }

  void look_at_health(const Member& member) {
    if (member.health == Health::suspect)
      return find(Gravity::note, name_of(member) + " is silent; within seconds it is known whether it is dead.");
    if (member.health == Health::alive) {
      if (!report_of(member.id))
        find(Gravity::warning,
             name_of(member) + " is alive and did not answer: it has much to do, or the way to it is bad.",
             "look at its log on " + member.address.host);
      return;
    }
    std::string again = "start it again on " + member.address.host + ", or, if it is gone for good: vortex evict " +
                        member.id.short_hex();
    if (lost(member.id)) {
      find(Gravity::warning, name_of(member) + " has been dead for so long that no data is placed on it any more.",
           std::move(again));
    } else {
      find(Gravity::danger, name_of(member) + " is dead.", std::move(again));
    }
  }

  void look_at_standing(const Member& member) {
    if (member.standing != MemberStanding::draining) return;
    const net::NodeReport* report = report_of(member.id);
    if (!report) return;
    if (report->used > 0 || report->groups > 0)
      return find(Gravity::note, name_of(member) + " is being drained: it still holds " + human_size(report->used) +
                                     " and " + std::to_string(report->groups) + " partitions.");
    find(Gravity::note, name_of(member) + " is drained and holds nothing any more.",
         "stop it, then: vortex evict " + member.id.short_hex());
  }

  void look_at_space(const Member& member) {
    const net::NodeReport* report = report_of(member.id);
    if (!report || report->capacity == 0) return;
    double share = static_cast<double>(report->used) / static_cast<double>(report->capacity);
    if (share > kNearlyFull)
      find(Gravity::warning, name_of(member) + " is " + human_share(share) + " full.",
           "add a node, or start it with a larger --capacity");
    // What is there beside the chunks may have taken the space that was promised to them.
    std::uint64_t promised = report->capacity - std::min(report->capacity, report->used);
    if (report->disk_available < promised / 2)
      find(Gravity::warning,
           name_of(member) + " has " + human_size(report->disk_available) +
               " left on its disk, and says that it may take " + human_size(promised) + " more.",
           "start it with a smaller --capacity, or make room on its disk");
  }

  // One who takes a node for dead that others find alive does not reach it.
  void compare_views() {
    std::uint32_t newest = state_.members.settings.version;
    for (const MembersSeenBy& view : views_) newest = std::max(newest, view.members.settings.version);
    for (const MembersSeenBy& view : views_) {
      if (view.members.settings.version < newest)
        find(Gravity::note, name_of_id(view.node) + " has not heard of the newest settings yet.");
      std::map<NodeId, const Member*> theirs;
      for (const Member& member : view.members.members) theirs[member.id] = &member;
      std::size_t unknown = 0;
      for (const Member& member : state_.members.members) {
        auto found = theirs.find(member.id);
        unknown += found == theirs.end() ? 1 : 0;
        if (found == theirs.end() || member.health != Health::alive || found->second->health != Health::dead) continue;
        find(Gravity::warning,
             name_of_id(view.node) + " takes " + name_of(member) +
                 " for dead, which lives: the way between them is bad.",
             "look at the network and the firewalls between the two, in both directions");
      }
      if (unknown > 0)
        find(Gravity::warning,
             name_of_id(view.node) + " does not know " + std::to_string(unknown) +
                 " of the members; it may have lost sight of them.",
             "if it stays so, start it with --contact " + state_.members.members.front().address.to_string());
    }
  }

  void compare_versions() {
    std::map<std::string, std::size_t> versions;
    for (const net::NodeReport& report : state_.nodes.nodes) ++versions[report.version];
    if (versions.size() < 2) return;
    std::string list;
    for (const auto& [version, count] : versions)
      list += (list.empty() ? "" : ", ") + std::to_string(count) + " have " + (version.empty() ? "none" : version);
    find(Gravity::note, "The nodes run different versions: " + list + ".",
         "upgrade the older ones, one after the other");
  }

  void look_at_addresses() {
    std::map<std::string, std::vector<const Member*>> by_address;
    for (const Member& member : state_.members.members) by_address[member.address.to_string()].push_back(&member);
    for (const auto& [address, there] : by_address) {
      if (there.size() < 2) continue;
      for (const Member* member : there)
        if (member->health == Health::dead)
          find(Gravity::warning, name_of(*member) + " was where another node is now.",
               "vortex evict " + member->id.short_hex());
    }
  }

  void look_at_size() {
    const net::ClusterSettings& settings = state_.members.settings;
    std::size_t places = 0;
    for (const Member& member : state_.members.members)
      if (member.standing == MemberStanding::active && !lost(member.id)) ++places;
    if (places < settings.replicas)
      find(Gravity::warning,
           "There are " + std::to_string(places) + " nodes for data, and " + std::to_string(settings.replicas) +
               " copies are wanted of everything.",
           "vortex token create, and on another machine: vortex-node --data DIR --join TOKEN");
    if (state_.nodes_total > kAllToAllMax && settings.topology == net::Topology::all_to_all)
      find(Gravity::warning,
           std::to_string(state_.nodes_total) + " nodes exchange heartbeats, everybody with everybody.",
           "vortex topology ring");
    if (state_.without_leader > 0)
      find(Gravity::danger,
           std::to_string(state_.without_leader) +
               " partitions have no leader: what lies in them cannot be read or changed.",
           "start the nodes that are dead; if they are gone for good: vortex recover");
  }

  void look_at_zones() {
    dht::Ring ring = node::ring_of(state_.members);
    if (ring.size() == 0) return;
    for (const std::string& warning : dht::zone_warnings(ring, state_.members.settings.replicas))
      find(Gravity::warning, warning, "start nodes with --zone NAME, named after what fails together");
  }

  const remote::ClusterState& state_;
  const std::vector<MembersSeenBy>& views_;
  std::map<NodeId, const net::NodeReport*> reports_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> diagnose(const remote::ClusterState& state, const std::vector<MembersSeenBy>& views) {
  return Doctor(state, views).diagnose();
}

}  // namespace vortex
