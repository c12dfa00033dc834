// Everything fails around a cluster of nine: kills, power cuts, pauses, partitions, one-way cuts, silent connections,
// clocks. When it is over, everybody must soon take everybody for alive, and all directories must be equal.
#include "tests/scenarios/members_node.h"
#include "tests/sim/fabric.h"

namespace vortex::sim {

namespace {

constexpr std::size_t kNodes = 9;
constexpr Duration kTrouble = seconds(60);
constexpr Duration kRecoverWithin = seconds(90);

void members_nemesis(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.log_level = LogLevel::warn;
  options.network.resets = 0.0005;
  options.buggify_sites = 0.2;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-nemesis");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  if (dice.one_in(16)) cluster.plan.transport = net::Transport::tls;
  cluster.start(kNodes, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "nine nodes do not find each other")) return;
  for (std::size_t i = 0; i < kNodes; ++i) cluster.machine(i).keep_running(milliseconds(200));
  std::vector<std::uint64_t> epochs(kNodes, 0);
  auto watch = [&] {
    for (std::size_t i = 0; i < kNodes; ++i) {
      dht::Membership* member = cluster.member(i);
      if (!member) continue;
      if (member->boot_epoch() < epochs[i]) world.violation(Verdict::safety, "a boot epoch went back");
      epochs[i] = member->boot_epoch();
    }
  };
  world.every(milliseconds(500), watch);
  NemesisOptions nemesis;
  nemesis.down_max = 4;
  nemesis.clock_rate = 1;
  nemesis.stop = 0;
  run.unleash(nemesis);
  world.run_for(kTrouble);
  run.calm();
  if (!run.expect(cluster.settle(kRecoverWithin), Verdict::liveness, "members do not find each other again")) return;
  world.run_for(seconds(40));
  run.expect(cluster.settled(), Verdict::liveness, "members are lost though nothing is wrong");
  run.expect(cluster.agreed(), Verdict::liveness, "directories differ though nothing changes");
  run.measure("condemned", cluster.counted("vortex_members_condemned"));
}

// Packets from one node to all others are lost: it hears everybody and is heard by nobody. Everybody else stays alive
// for everybody, and afterwards so is it, without help.
void members_one_way(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-one-way");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(7, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "seven nodes do not find each other")) return;
  world.run_for(seconds(10));
  std::size_t mute = 1 + dice.below(6);
  bool outwards = dice.one_in(2);
  for (std::size_t i = 0; i < 7; ++i) {
    if (i == mute) continue;
    Machine& here = cluster.machine(i);
    outwards ? world.network().cut(cluster.machine(mute), here) : world.network().cut(here, cluster.machine(mute));
  }
  auto condemned = [&] { return cluster.taking(cluster.id(mute), dht::Health::dead) >= 6; };
  run.expect(world.run_until(condemned, seconds(15)), Verdict::liveness, "nobody notices that a node is cut off");
  world.run_for(seconds(20));
  for (std::size_t i = 0; i < 7; ++i) {
    if (i == mute) continue;
    std::size_t lost = 0;
    for (std::size_t j = 0; j < 7; ++j)
      if (j != mute && cluster.member(i)->directory().health(cluster.id(j)) == dht::Health::dead) ++lost;
    run.expect(lost == 0, Verdict::safety, "somebody who was heard by all others was declared dead");
  }
  world.network().heal_all();
  run.expect(cluster.settle(seconds(30)), Verdict::liveness, "a node that is reachable again is not taken back");
}

// One that was cut off for so long that it takes everybody else for dead comes back: nobody believes it for a moment.
void members_return(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-return");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(7, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "seven nodes do not find each other")) return;
  world.run_for(seconds(10));
  std::size_t lost = dice.below(7);
  for (std::size_t i = 0; i < 7; ++i) {
    if (i == lost) continue;
    world.network().cut(cluster.machine(lost), cluster.machine(i));
    world.network().cut(cluster.machine(i), cluster.machine(lost));
  }
  auto alone = [&] { return cluster.member(lost)->directory().alive() == 1; };
  run.expect(world.run_until(alone, seconds(60)), Verdict::liveness, "who is cut off takes others for alive");
  world.run_for(dice.between(Duration(0), seconds(5)));
  world.network().heal_all();
  Duration until = world.now() + seconds(20);
  while (world.now() < until && world.violations().empty()) {
    world.run_for(milliseconds(5));
    for (std::size_t i = 0; i < 49; ++i) {
      std::size_t by = i / 7, whom = i % 7;
      if (by == lost || whom == lost || !cluster.member(by)) continue;
      if (cluster.member(by)->directory().health(cluster.id(whom)) == dht::Health::dead)
        return world.violation(Verdict::safety, "who comes back is believed that others are dead");
    }
  }
  run.expect(cluster.settled(), Verdict::liveness, "a node that is reachable again is not taken back");
}

// Half of the members cannot reach one of the others, the rest can: it says so each time it is suspected, and lives.
void members_racks(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-racks");
  MembersCluster cluster(run, world);
  cluster.start(11, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "eleven nodes do not find each other")) return;
  world.run_for(seconds(10));
  std::size_t whom = dice.below(11);
  for (std::size_t i = 1; i <= 6; ++i) {
    Machine& here = cluster.machine((whom + i) % 11);
    world.network().cut(here, cluster.machine(whom));
    world.network().cut(cluster.machine(whom), here);
  }
  Duration until = world.now() + std::chrono::minutes(3);
  while (world.now() < until && world.violations().empty()) {
    world.run_for(milliseconds(20));
    if (cluster.taking(cluster.id(whom), dht::Health::dead) > 0)
      return world.violation(Verdict::safety, "a member that refutes each suspicion was declared dead");
  }
  run.measure("refutations", cluster.counted("vortex_members_refutations"));
}

// A node comes back and dies before it is heard, again and again: each time it is noticed.
void members_crash_loop(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-crash-loop");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(2, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "two nodes do not find each other")) return;
  const NodeId whom = cluster.id(1);
  auto dead = [&] { return cluster.taking(whom, dht::Health::dead) == 1; };
  auto alive = [&] { return cluster.taking(whom, dht::Health::alive) == 1; };
  for (int round = 0; round < 8; ++round) {
    cluster.machine(1).kill();
    if (!run.expect(world.run_until(dead, seconds(20)), Verdict::liveness, "a death is not noticed")) return;
    cluster.machine(1).start();
    if (!run.expect(world.run_until(alive, seconds(30)), Verdict::liveness, "a return is not noticed")) return;
    world.run_for(dice.between(Duration(0), milliseconds(20)));
  }
}

// A node that lives for some seconds now and then is no place for data.
void members_flapping(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-flapping");
  MembersCluster cluster(run, world);
  cluster.plan.evict_after = seconds(60);
  cluster.start(3, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "three nodes do not find each other")) return;
  const NodeId whom = cluster.id(2);
  auto lost = [&] { return cluster.member(0)->directory().lost(whom) && cluster.member(1)->directory().lost(whom); };
  for (int round = 0; round < 6 && !lost(); ++round) {
    cluster.machine(2).kill();
    world.run_for(dice.between(seconds(15), seconds(30)));
    if (lost()) break;
    cluster.machine(2).start();
    world.run_for(dice.between(seconds(2), seconds(5)));
  }
  if (!run.expect(lost(), Verdict::liveness, "a node that is dead most of the time is waited for without end")) return;
  cluster.machine(2).start();
  auto back = [&] { return !cluster.member(0)->directory().lost(whom) && !cluster.member(1)->directory().lost(whom); };
  run.expect(world.run_until(back, seconds(60)), Verdict::liveness, "a node that is back to stay gets no data");
}

// Much news at once, and no process is late: no observer may take itself for late and forget what it has seen.
void members_much_news(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  MembersCluster cluster(run, world);
  cluster.plan.topology = dht::Topology::ring;
  cluster.start(160, seconds(1));
  if (!run.expect(cluster.settle(seconds(60)), Verdict::liveness, "160 nodes do not find each other")) return;
  for (std::size_t i = 0; i < cluster.size(); i += 40) cluster.machine(i).kill();
  world.run_for(seconds(90));
  for (std::size_t i = 0; i < cluster.size(); i += 40) cluster.machine(i).start();
  run.expect(cluster.settle(seconds(60)), Verdict::liveness, "those who come back are not seen");
  run.expect(cluster.counted("vortex_heartbeats_late") == 0, Verdict::safety, "an observer took itself for late");
}

// One link is bad, and nobody is condemned for it.
void members_bad_link(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-bad-link");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(7, seconds(1));
  if (!run.expect(cluster.settle(seconds(30)), Verdict::liveness, "seven nodes do not find each other")) return;
  world.run_for(seconds(10));
  for (int round = 0; round < 4; ++round) {
    Machine& one = cluster.machine(dice.below(7));
    Machine& other = cluster.machine(dice.below(7));
    if (&one == &other) continue;
    world.network().cut(one, other);
    if (dice.one_in(2)) world.network().cut(other, one);
    world.run_for(seconds(30));
    run.expect(cluster.settled(), Verdict::safety, "a bad link has condemned somebody");
    world.network().heal_all();
    world.run_for(seconds(10));
  }
  run.expect(cluster.counted("vortex_members_condemned") == 0, Verdict::safety, "a bad link has condemned somebody");
}

const Registration nemesis_registration("members-nemesis", "nine members in every kind of trouble, and afterwards",
                                        members_nemesis);
const Registration one_way_registration("members-one-way", "a node that hears but is not heard, or the other way round",
                                        members_one_way);
const Registration return_registration("members-return", "who was cut off comes back and takes all others for dead",
                                       members_return);
const Registration racks_registration("members-racks", "whom only half of the others reach lives", members_racks);
const Registration crash_loop_registration("members-crash-loop", "a node dies again before it is heard",
                                           members_crash_loop);
const Registration flapping_registration("members-flapping", "a node lives for some seconds now and then",
                                         members_flapping);
const Registration much_news_registration("members-much-news", "much to tell at once makes nobody blind",
                                          members_much_news);
const Registration bad_link_registration("members-bad-link", "one bad link condemns nobody", members_bad_link);

}  // namespace

}  // namespace vortex::sim
