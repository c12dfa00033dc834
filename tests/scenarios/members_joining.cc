// Coming and going: tokens that run out, machines that lose their disks or their addresses, those who are thrown out,
// clusters that must not mix, and a topology that is changed while everything runs.
#include "tests/scenarios/members_node.h"
#include "tests/sim/fabric.h"
#include "tests/sim/process.h"

namespace vortex::sim {

namespace {

constexpr Duration kWithin = seconds(30);

World& quiet_world(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.1;
  options.log_level = LogLevel::warn;
  return run.make_world(options);
}

// Runs a task of a node's to its end and says whether it came to one.
template <class T>
bool finish(World& world, Machine& machine, Task<T> task, std::optional<T>& result) {
  auto body = [](Task<T> inner, std::optional<T>& out) -> Task<void> {
    auto value = co_await std::move(inner);
    out.emplace(std::move(value));
  };
  machine.spawn(body(std::move(task), result));
  auto ended = [&result] { return result.has_value(); };
  return world.run_until(ended, kWithin);
}

dht::Standing standing_of(MembersCluster& cluster, std::size_t seen_by, const NodeId& id) {
  return cluster.member(seen_by)->directory().standing(id);
}

// Everybody who is in sees it like this.
bool all_see(Run& run, MembersCluster& cluster, const NodeId& id, dht::Standing standing) {
  auto seen = [&] {
    for (std::size_t i = 0; i < cluster.size(); ++i)
      if (cluster.member(i) && standing_of(cluster, i, id) != standing) return false;
    return true;
  };
  return run.world().run_until(seen, kWithin);
}

void members_lost_disk(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.plan.topology = world.dice("topology").one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(5, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "five nodes do not find each other")) return;
  NodeId before = cluster.id(3);
  std::uint32_t key = cluster.member(0)->key_epoch();
  cluster.machine(3).lose_disk();
  world.run_for(milliseconds(world.dice("gone").below(4000)));
  cluster.machine(3).start();
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "a node without its disk does not come back")) return;
  run.expect(cluster.id(3) != before, Verdict::safety, "an empty disk gave the same identity");
  run.expect(all_see(run, cluster, before, dht::Standing::evicted), Verdict::liveness, "the old identity stays");
  auto rekeyed = [&] {
    for (std::size_t i = 0; i < cluster.size(); ++i)
      if (cluster.member(i)->key_epoch() != key + 1) return false;
    return true;
  };
  run.expect(world.run_until(rekeyed, kWithin), Verdict::liveness, "the new secret does not reach everybody");
  world.run_for(seconds(10));
  run.expect(cluster.agreed(), Verdict::liveness, "directories differ");
}

// A newcomer is told to announce an address that is not its own but that of a member, which is away for a while.
void members_wrong_address(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.start(4, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "four nodes do not find each other")) return;
  Dice dice = world.dice("away");
  NodeId away = cluster.id(2);
  dice.one_in(2) ? cluster.machine(2).kill() : cluster.machine(2).power_cut();
  world.run_for(milliseconds(dice.below(4000)));
  cluster.plan.advertised[4] = cluster.machine(2).address(kMembersPort);
  cluster.plan.seeds.push_back(cluster.machine(1).address(kMembersPort));
  Machine& mistaken = cluster.add();
  world.run_for(seconds(15));
  run.expect(standing_of(cluster, 1, away) == dht::Standing::active, Verdict::safety,
             "a member was evicted for somebody who is not at its address");
  cluster.machine(2).start();
  world.run_for(seconds(5));
  run.expect(cluster.member(2) != nullptr && standing_of(cluster, 1, away) == dht::Standing::active, Verdict::safety,
             "a member cannot come back to its address");
  run.expect(!mistaken.running() || !cluster.member(4), Verdict::safety, "two members have one address");
  mistaken.kill();
  run.expect(cluster.settle(kWithin), Verdict::liveness, "the members do not find each other again");
}

// All lose power; all come back at other addresses; each is told one address by hand.
void members_moved(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.plan.topology = world.dice("topology").one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(6, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "six nodes do not find each other")) return;
  world.run_for(seconds(40));  // long enough to remember each other
  for (std::size_t i = 0; i < 6; ++i) cluster.machine(i).power_cut();
  constexpr std::uint16_t kElsewhere = 8400;
  cluster.plan.seeds.push_back(cluster.machine(2).address(kElsewhere));
  for (std::size_t i = 0; i < 6; ++i) cluster.restart_at(i, kElsewhere);
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "the cluster does not find itself again")) return;
  auto known_at = [&](std::size_t by, std::size_t whom) {
    dht::Membership* member = cluster.member(by);
    auto known = member ? member->directory().find(cluster.id(whom)) : std::nullopt;
    return known && known->address == cluster.machine(whom).address(kElsewhere);
  };
  auto all_known = [&] {
    for (std::size_t i = 0; i < 36; ++i)
      if (!known_at(i / 6, i % 6)) return false;
    return true;
  };
  run.expect(world.run_until(all_known, kWithin), Verdict::liveness, "an old address is still believed");
  world.run_for(seconds(20));
  run.expect(cluster.settled(), Verdict::liveness, "the cluster falls apart again");
}

// One is away while two others are evicted, so that it knows neither secret that is in use. Then every address changes.
void members_moved_behind(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.plan.topology = world.dice("topology").one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(6, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "six nodes do not find each other")) return;
  world.run_for(seconds(40));
  cluster.machine(3).kill();
  std::uint32_t epoch = 1;
  for (std::size_t out : {4, 5}) {
    std::optional<Result<dht::Member>> decided;
    Task<Result<dht::Member>> task = cluster.member(1)->decide(cluster.id(out), dht::Standing::evicted, seconds(5));
    bool ended = finish(world, cluster.machine(1), std::move(task), decided);
    if (!run.expect(ended && decided->ok(), Verdict::liveness, "eviction fails")) return;
    ++epoch;
    auto rekeyed = [&] {
      for (std::size_t i = 0; i < 3; ++i)
        if (cluster.member(i)->key_epoch() != epoch) return false;
      return true;
    };
    if (!run.expect(world.run_until(rekeyed, kWithin), Verdict::liveness, "the secret is not replaced")) return;
  }
  for (std::size_t i = 0; i < 6; ++i) cluster.machine(i).power_cut();
  constexpr std::uint16_t kElsewhere = 8400;
  cluster.plan.seeds.push_back(cluster.machine(2).address(kElsewhere));
  for (std::size_t i = 0; i < 3; ++i) cluster.restart_at(i, kElsewhere);
  world.run_for(seconds(10));
  cluster.restart_at(3, kElsewhere);
  run.expect(cluster.settle(kWithin), Verdict::liveness, "one that is two secrets behind does not find the others");
}

void members_evicted(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.start(5, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "five nodes do not find each other")) return;
  NodeId thrown_out = cluster.id(4);
  // One that is not there meanwhile misses the new secret.
  cluster.machine(3).kill();
  std::optional<Result<dht::Member>> decided;
  Task<Result<dht::Member>> task = cluster.member(1)->decide(thrown_out, dht::Standing::evicted, seconds(5));
  bool ended = finish(world, cluster.machine(1), std::move(task), decided);
  if (!run.expect(ended && decided->ok(), Verdict::liveness, "eviction fails")) return;
  auto rekeyed = [&] {
    for (std::size_t i = 0; i < 3; ++i)
      if (cluster.member(i)->key_epoch() != 2) return false;
    return true;
  };
  if (!run.expect(world.run_until(rekeyed, kWithin), Verdict::liveness, "eviction does not replace the secret")) return;
  world.run_for(seconds(3));
  cluster.machine(3).start();
  auto caught_up = [&] { return cluster.member(3) && cluster.member(3)->key_epoch() == 2; };
  if (!run.expect(world.run_until(caught_up, kWithin), Verdict::liveness, "a member that was away gets no new secret"))
    return;
  cluster.machine(4).restart();
  world.run_for(seconds(10));
  for (std::size_t i = 0; i < 4; ++i) {
    run.expect(standing_of(cluster, i, thrown_out) == dht::Standing::evicted, Verdict::safety, "it came back");
    run.expect(cluster.member(i)->directory().alive() == 4, Verdict::liveness, "the others lost each other");
  }
  dht::Membership* outside = cluster.member(4);
  run.expect(!outside || outside->key_epoch() < 2, Verdict::safety, "whoever was evicted has the new secret");
}

// A stolen machine was evicted while another member was away, for so long that the secret was replaced twice. When that
// one comes back, the stolen one waits at its door, and reaches nobody else.
void members_stolen(Run& run) {
  World& world = quiet_world(run);
  Dice dice = world.dice("stolen");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(6, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "six nodes do not find each other")) return;
  constexpr std::size_t kAway = 3, kStolen = 4, kOther = 5;
  world.run_for(seconds(35));  // long enough to remember each other
  for (std::size_t gone : {kAway, kStolen, kOther}) cluster.machine(gone).kill();
  std::uint32_t epoch = 1;
  for (std::size_t out : {kStolen, kOther}) {
    std::optional<Result<dht::Member>> decided;
    Task<Result<dht::Member>> task = cluster.member(1)->decide(cluster.id(out), dht::Standing::evicted, seconds(5));
    bool ended = finish(world, cluster.machine(1), std::move(task), decided);
    if (!run.expect(ended && decided->ok(), Verdict::liveness, "eviction fails")) return;
    ++epoch;
    auto rekeyed = [&] { return cluster.member(0)->key_epoch() == epoch && cluster.member(2)->key_epoch() == epoch; };
    if (!run.expect(world.run_until(rekeyed, kWithin), Verdict::liveness, "the secret is not replaced")) return;
  }
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (i == kStolen || i == kAway) continue;
    world.network().cut(cluster.machine(kStolen), cluster.machine(i));
    world.network().cut(cluster.machine(i), cluster.machine(kStolen));
  }
  cluster.machine(kStolen).start();
  world.run_for(dice.between(Duration(0), seconds(3)));
  cluster.machine(kAway).start();
  Duration until = world.now() + seconds(30);
  while (world.now() < until && world.violations().empty()) {
    world.run_for(milliseconds(20));
    dht::Membership* stolen = cluster.member(kStolen);
    if (stolen && stolen->key_epoch() > 1)
      return world.violation(Verdict::safety, "whoever was evicted was given the new secret");
  }
  dht::Membership* back = cluster.member(kAway);
  run.expect(back && back->key_epoch() == epoch, Verdict::liveness, "a member that was away gets no new secret");
}

// A member's admission was recorded, and whoever recorded it and the newcomer died before anybody else heard of it: it
// can be evicted, and what is decided afterwards is carried out.
void members_unheard(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.start(3, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "three nodes do not find each other")) return;
  NodeId unheard = world.dice("unheard").id();
  Env& env = *cluster.machine(1).process();
  dht::LocalRecords records(env, cluster.plan.records);
  dht::DecisionBook book(env, records);
  std::optional<Result<dht::Decision>> admitted;
  bool ended = finish(world, cluster.machine(1), book.admit(unheard, "", 1 << 30, seconds(5)), admitted);
  if (!run.expect(ended && admitted->ok(), Verdict::liveness, "nobody can be admitted")) return;
  world.run_for(seconds(5));
  std::optional<Result<dht::Member>> decided;
  Task<Result<dht::Member>> task = cluster.member(1)->decide(unheard, dht::Standing::evicted, seconds(5));
  ended = finish(world, cluster.machine(1), std::move(task), decided);
  run.expect(ended && decided->ok(), Verdict::liveness, "whom nobody has heard of cannot be evicted");
  run.expect(all_see(run, cluster, unheard, dht::Standing::evicted), Verdict::liveness, "an eviction is not told");
}

void members_tokens(Run& run) {
  World& world = quiet_world(run);
  MembersCluster one(run, world), other(run, world);
  one.plan.token_uses = 2;
  one.plan.join_within = seconds(8);
  other.plan.join_within = seconds(8);
  one.start(3, seconds(1));
  other.start(2, seconds(1));
  if (!run.expect(one.settle(kWithin) && other.settle(kWithin), Verdict::liveness, "two clusters are not made")) return;
  // The third comes with a token that was used up.
  Machine& late = one.add();
  world.run_for(seconds(12));
  bool refused = !late.running() || !late.as<MemberNode>().in();
  run.expect(refused, Verdict::safety, "a token was used more often than it may be");
  // With a token of the other cluster's name but this one's address nobody comes in either.
  other.plan.tokens.front().addresses = one.plan.tokens.front().addresses;
  Machine& lost = other.add();
  world.run_for(seconds(12));
  refused = !lost.running() || !lost.as<MemberNode>().in();
  run.expect(refused, Verdict::safety, "a node came into a cluster that its token does not name");
  // A node of one cluster that is sent to the other is not taken in by it.
  one.plan.seeds = {other.machine(0).address(kMembersPort)};
  one.machine(1).restart();
  world.run_for(seconds(10));
  for (std::size_t i = 0; i < 3; ++i)
    run.expect(one.member(i)->directory().size() == 3, Verdict::safety, "two clusters have mixed");
  for (std::size_t i = 0; i < 2; ++i)
    run.expect(other.member(i)->directory().size() == 2, Verdict::safety, "two clusters have mixed");
}

void members_switch(Run& run) {
  World& world = quiet_world(run);
  MembersCluster cluster(run, world);
  cluster.start(40, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "forty nodes do not find each other")) return;
  for (dht::Topology topology : {dht::Topology::ring, dht::Topology::all_to_all}) {
    std::optional<Result<net::ClusterSettings>> changed;
    auto task = cluster.member(7)->change_settings(topology, milliseconds(300), seconds(5));
    bool ended = finish(world, cluster.machine(7), std::move(task), changed);
    if (!run.expect(ended && changed->ok(), Verdict::liveness, "the topology cannot be changed")) return;
    world.run_for(seconds(90));
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      bool ring = topology == dht::Topology::ring;
      std::size_t links = cluster.member(i)->heartbeats().links();
      run.expect(cluster.member(i)->heartbeats().topology() == topology, Verdict::liveness,
                 "a node keeps to the old one");
      run.expect(ring ? links < 20 : links == 39, Verdict::liveness,
                 "a node exchanges heartbeats with " + std::to_string(links) + " others");
    }
    std::size_t victim = topology == dht::Topology::ring ? 11 : 23;
    cluster.machine(victim).power_cut();
    auto detected = [&] { return cluster.taking(cluster.id(victim), dht::Health::dead) == cluster.running(); };
    run.expect(world.run_until(detected, seconds(10)), Verdict::liveness, "a crash is not detected");
    cluster.machine(victim).start();
    if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "a node does not come back")) return;
  }
  run.expect(cluster.counted("vortex_members_condemned") <= 8, Verdict::safety, "living members were condemned");
}

const Registration lost_disk("members-lost-disk",
                             "a node comes back with an empty disk: another identity, the old one out",
                             members_lost_disk);
const Registration moved("members-moved", "every address changes at once, and one is given by hand", members_moved);
const Registration wrong_address("members-wrong-address",
                                 "a newcomer announces the address of a member that is away: nobody is evicted",
                                 members_wrong_address);
const Registration moved_behind("members-moved-behind", "every address changes, and one is two secrets behind",
                                members_moved_behind);
const Registration evicted("members-evicted", "a member is evicted and the secret replaced; one was away",
                           members_evicted);
const Registration stolen("members-stolen", "a stolen machine asks a member that was away for the secret",
                          members_stolen);
const Registration unheard("members-unheard", "a member that nobody has heard of is evicted", members_unheard);
const Registration tokens("members-tokens", "used-up tokens open nothing, and two clusters never mix", members_tokens);
const Registration switched("members-switch", "the topology is changed on a running cluster, and back", members_switch);

}  // namespace

}  // namespace vortex::sim
