// Three nodes: a cluster is made, two join, one loses power, everybody sees it, it comes back and is one of them again.
#include "tests/scenarios/members_node.h"

namespace vortex::sim {

namespace {

constexpr Duration kSettleWithin = seconds(20);
constexpr Duration kDetectWithin = seconds(5);

void members_basic(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.1;
  options.buggify_sites = 0.2;
  World& world = run.make_world(options);
  Dice dice = world.dice("members-basic");
  MembersCluster cluster(run, world);
  cluster.plan.transport = dice.one_in(4) ? net::Transport::tls : net::Transport::plain;
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(3, seconds(1));
  if (!run.expect(cluster.settle(kSettleWithin), Verdict::liveness, "three nodes do not find each other")) return;
  for (std::size_t victim : {1, 0, 2}) {
    Machine& machine = cluster.machine(victim);
    std::uint64_t epoch = cluster.member(victim)->boot_epoch();
    bool power = dice.one_in(2);
    power ? machine.power_cut() : machine.kill();
    auto detected = [&] { return cluster.taking(cluster.id(victim), dht::Health::dead) == 2; };
    run.expect(world.run_until(detected, kDetectWithin), Verdict::liveness, "a crash is not detected");
    machine.start();
    if (!run.expect(cluster.settle(kSettleWithin), Verdict::liveness, "a node that came back is not taken for alive"))
      return;
    run.expect(cluster.member(victim)->boot_epoch() > epoch, Verdict::safety, "a boot epoch was used twice");
    for (std::size_t other = 0; other < 3; ++other) {
      auto known = cluster.member(other)->directory().life(cluster.id(victim)).boot_epoch;
      run.expect(known == cluster.member(victim)->boot_epoch(), Verdict::safety, "a boot epoch is not known");
    }
  }
  world.run_for(seconds(10));
  run.expect(cluster.agreed(), Verdict::liveness, "quiet directories differ");
}

const Registration registration("members-basic", "three nodes join, one dies, and comes back", members_basic);

}  // namespace

}  // namespace vortex::sim
