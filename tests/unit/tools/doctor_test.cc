#include "tools/vortex/doctor.h"

#include <algorithm>

#include "base/hash.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {

constexpr std::uint64_t kCapacity = std::uint64_t(1) << 40;

remote::ClusterState well(std::size_t nodes) {
  remote::ClusterState state;
  state.members.settings.version = 3;
  state.members.settings.replicas = 3;
  state.nodes_total = state.nodes_alive = nodes;
  for (std::size_t i = 0; i < nodes; ++i) {
    net::Member& member = state.members.members.emplace_back();
    member.id = sha256(as_bytes("node" + std::to_string(i)));
    member.address.host = "10.0.0." + std::to_string(1 + i);
    member.address.port = 7400;
    member.standing = net::MemberStanding::active;
    member.capacity = kCapacity;
    net::NodeReport& report = state.nodes.nodes.emplace_back();
    report.id = member.id;
    report.version = "1.0";
    report.capacity = kCapacity;
    report.disk_available = kCapacity;
  }
  return state;
}

std::vector<MembersSeenBy> same_views(const remote::ClusterState& state) {
  std::vector<MembersSeenBy> views;
  for (const net::Member& member : state.members.members) {
    MembersSeenBy& view = views.emplace_back();
    view.node = member.id;
    view.members = state.members;
  }
  return views;
}

bool says(const std::vector<Finding>& findings, Finding::Gravity gravity, const std::string& what,
          const std::string& to_type) {
  return std::ranges::any_of(findings, [&](const Finding& finding) {
    return finding.gravity == gravity && finding.what.find(what) != std::string::npos &&
           finding.to_type.find(to_type) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("the doctor finds nothing in a cluster that is well") {
  remote::ClusterState state = well(5);
  EXPECT(diagnose(state, same_views(state)).empty());
}

TEST_CASE("a node that died is named, with what to type, and counts as grave until it is given up") {
  remote::ClusterState state = well(5);
  net::Member& dead = state.members.members[2];
  dead.health = net::Health::dead;
  state.nodes.nodes.erase(state.nodes.nodes.begin() + 2);
  std::string evict = "vortex evict " + dead.id.short_hex();
  auto findings = diagnose(state, {});
  EXPECT(says(findings, Finding::Gravity::danger, dead.address.to_string() + " is dead", evict));
  EXPECT(findings.size() == 1);
  state.members.lost.push_back(dead.id);
  findings = diagnose(state, {});
  EXPECT(says(findings, Finding::Gravity::warning, "so long", evict));
}

TEST_CASE("views that differ tell of a bad way between two nodes") {
  remote::ClusterState state = well(4);
  auto views = same_views(state);
  views[1].members.members[3].health = net::Health::dead;
  views[2].members.members.pop_back();
  views[3].members.settings.version = 2;
  auto findings = diagnose(state, views);
  EXPECT(findings.size() == 3);
  EXPECT(says(findings, Finding::Gravity::warning, "10.0.0.4:7400 for dead, which lives", "firewalls"));
  EXPECT(says(findings, Finding::Gravity::warning, "does not know 1 of the members", "--contact"));
  EXPECT(says(findings, Finding::Gravity::note, "10.0.0.4:7400 has not heard of the newest settings", ""));
}

TEST_CASE("a drained node may be stopped only when it holds nothing") {
  remote::ClusterState state = well(4);
  state.members.members[0].standing = net::MemberStanding::draining;
  state.nodes.nodes[0].used = 1000;
  auto findings = diagnose(state, {});
  EXPECT(says(findings, Finding::Gravity::note, "still holds", ""));
  EXPECT(!says(findings, Finding::Gravity::note, "", "vortex evict"));
  state.nodes.nodes[0].used = 0;
  EXPECT(says(diagnose(state, {}), Finding::Gravity::note, "drained", "vortex evict"));
}

TEST_CASE("too few nodes, too many for all-to-all, and groups without a leader are told, the gravest first") {
  remote::ClusterState few = well(2);
  few.without_leader = 7;
  auto findings = diagnose(few, {});
  REQUIRE(findings.size() >= 2);
  EXPECT(findings.front().gravity == Finding::Gravity::danger);
  EXPECT(says(findings, Finding::Gravity::danger, "7 partitions have no leader", "vortex recover"));
  EXPECT(says(findings, Finding::Gravity::warning, "3 copies are wanted", "vortex token create"));
  remote::ClusterState many = well(400);
  EXPECT(says(diagnose(many, {}), Finding::Gravity::warning, "everybody with everybody", "vortex topology ring"));
}

TEST_CASE("space that is promised and not there is told before it is missed") {
  remote::ClusterState state = well(3);
  state.nodes.nodes[1].used = kCapacity * 95 / 100;
  state.nodes.nodes[1].disk_available = kCapacity / 20;
  state.nodes.nodes[2].disk_available = kCapacity / 10;
  auto findings = diagnose(state, {});
  EXPECT(findings.size() == 2);
  EXPECT(says(findings, Finding::Gravity::warning, "95", "--capacity"));
  EXPECT(says(findings, Finding::Gravity::warning, "left on its disk", "smaller --capacity"));
}

TEST_CASE("two nodes at one address: the dead one is the one to evict") {
  remote::ClusterState state = well(4);
  state.members.members[3].address = state.members.members[0].address;
  state.members.members[3].health = net::Health::dead;
  auto findings = diagnose(state, {});
  EXPECT(says(findings, Finding::Gravity::warning, "was where another node is now",
              "vortex evict " + state.members.members[3].id.short_hex()));
}

TEST_CASE("zones that are too few for the copies are told") {
  remote::ClusterState state = well(4);
  for (std::size_t i = 0; i < 4; ++i) state.members.members[i].zone = i < 2 ? "east" : "west";
  EXPECT(says(diagnose(state, {}), Finding::Gravity::warning, "zone", "--zone"));
}
