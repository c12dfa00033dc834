// Nodes that find each other: bootstrap from one address, lookups, churn, bad links, a flood of invented ids.
#include <ctime>

#include "tests/scenarios/kademlia_swarm.h"
#include "tests/sim/fabric.h"

namespace vortex::sim {

namespace {

double processor_time() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Begins to exist and waits until everybody is in and knows who is nearest to it.
void bootstrap(Run& run, Swarm& swarm, Duration limit) {
  swarm.start();
  World& world = swarm.world();
  Duration end = world.now() + limit;
  while (world.now() < end && !(swarm.everybody_joined() && swarm.neighbours_known())) world.run_for(milliseconds(250));
  run.expect(swarm.everybody_joined(), Verdict::liveness, "not everybody found a way in");
  run.expect(swarm.neighbours_known(), Verdict::liveness, "somebody does not know who is nearest to it");
  run.measure("bootstrap_ms", static_cast<std::uint64_t>(to_ms(world.now())));
}

// So many lookups from random nodes to random ids, spread over `within`.
void look_up_many(Swarm& swarm, LookupTally& tally, std::size_t lookups, Duration within) {
  for (std::size_t i = 0; i < lookups; ++i) {
    swarm.look_up(tally);
    swarm.world().run_for(within / static_cast<std::int64_t>(lookups));
  }
  swarm.finish(tally, seconds(60));
}

void measure_tables(Run& run, Swarm& swarm) {
  std::uint64_t memory = 0, most = 0, contacts = 0;
  std::vector<KademliaNode*> all = swarm.nodes();
  for (KademliaNode* node : all) {
    node->kademlia.table().check_invariants();
    std::uint64_t bytes = node->kademlia.table().memory_bytes();
    memory += bytes;
    most = std::max(most, bytes);
    contacts += node->kademlia.table().size();
  }
  run.measure("table_bytes_mean", memory / all.size());
  run.measure("table_bytes_max", most);
  run.measure("contacts_mean", contacts / all.size());
  run.measure("connections_mean_thousandths", 1000 * swarm.world().network().connections() / all.size());
}

void lookups(Run& run, SwarmSettings settings, std::size_t count, Duration limit) {
  Swarm swarm(run, settings);
  double began = processor_time();
  bootstrap(run, swarm, limit);
  run.measure("bootstrap_cpu_ms", static_cast<std::uint64_t>(1000 * (processor_time() - began)));
  swarm.world().run_for(seconds(20));
  LookupTally tally;
  look_up_many(swarm, tally, count, seconds(10));
  measure(run, tally);
  measure_tables(run, swarm);
  run.measure("cpu_ms", static_cast<std::uint64_t>(1000 * (processor_time() - began)));
  run.expect(tally.ended == tally.begun, Verdict::liveness, "a lookup does not end");
  run.expect(tally.right == tally.begun, Verdict::safety,
             std::to_string(tally.begun - tally.right) + " of " + std::to_string(tally.begun) +
                 " lookups did not find the nearest node");
}

SwarmSettings sized(std::size_t nodes, bool everybody) {
  SwarmSettings settings;
  settings.nodes = nodes;
  settings.everybody = everybody;
  return settings;
}

void lookups_ring(Run& run) { lookups(run, sized(80, false), 50, seconds(30)); }

void lookups_everybody(Run& run) { lookups(run, sized(24, true), 50, seconds(10)); }

void figure_100(Run& run) { lookups(run, sized(100, true), 1000, seconds(10)); }
void figure_1000(Run& run) {
  SwarmSettings settings = sized(1000, false);
  settings.idle_close = seconds(2);
  lookups(run, settings, 2000, seconds(30));
}
void figure_10000(Run& run) {
  SwarmSettings settings = sized(10000, false);
  settings.spread = seconds(10);
  settings.idle_close = seconds(2);
  lookups(run, settings, 5000, seconds(60));
}

// Nodes are replaced at a steady rate, silently (their machines go dark), while everybody looks things up.
struct Churn {
  double replaced_an_hour = 0.1;  // share of all
  Duration lasts = std::chrono::minutes(10);
  double lookups_a_second = 10;
  double right_least = 0.999;
  bool confirm = false;
};

void churn(Run& run, SwarmSettings settings, Churn plan) {
  Swarm swarm(run, settings);
  double began = processor_time();
  bootstrap(run, swarm, seconds(60));
  World& world = swarm.world();
  // The far buckets fill.
  world.run_for(seconds(60));
  Duration between_replacements(
      static_cast<std::int64_t>(3600e9 / (plan.replaced_an_hour * static_cast<double>(settings.nodes))));
  Duration between_lookups(static_cast<std::int64_t>(1e9 / plan.lookups_a_second));
  LookupTally tally;
  std::uint64_t replaced = 0;
  Duration end = world.now() + plan.lasts, next_replacement = world.now() + between_replacements;
  while (world.now() < end) {
    swarm.look_up(tally, plan.confirm);
    world.run_for(between_lookups);
    if (world.now() < next_replacement) continue;
    next_replacement += between_replacements;
    swarm.cut_one();
    swarm.add();
    ++replaced;
  }
  swarm.finish(tally, seconds(60));
  run.measure("replaced", replaced);
  run.measure("cpu_ms", static_cast<std::uint64_t>(1000 * (processor_time() - began)));
  measure(run, tally);
  measure_tables(run, swarm);
  run.expect(tally.ended == tally.begun, Verdict::liveness, "a lookup does not end");
  double right = static_cast<double>(tally.right) / static_cast<double>(tally.begun);
  run.expect(right >= plan.right_least, Verdict::safety,
             std::to_string(tally.begun - tally.right) + " of " + std::to_string(tally.begun) +
                 " lookups did not find the nearest node");
}

// Far more than in the figures: half of the nodes are replaced in ten minutes.
void churn_small(Run& run) {
  Churn plan;
  plan.replaced_an_hour = 3;
  plan.lasts = std::chrono::minutes(5);
  plan.lookups_a_second = 2;
  plan.right_least = 0.99;
  SwarmSettings settings = sized(40, false);
  churn(run, settings, plan);
}

void churn_100(Run& run) {
  Churn plan;
  plan.lasts = std::chrono::minutes(60);
  plan.lookups_a_second = 5;
  plan.confirm = true;
  plan.right_least = 1;
  SwarmSettings settings = sized(100, true);
  settings.check_after = seconds(10);
  churn(run, settings, plan);
}
void churn_1000(Run& run) {
  Churn plan;
  plan.lasts = std::chrono::minutes(20);
  SwarmSettings settings = sized(1000, false);
  settings.idle_close = seconds(2);
  churn(run, settings, plan);
}
void churn_10000(Run& run) {
  Churn plan;
  plan.lasts = std::chrono::minutes(3);
  plan.lookups_a_second = 50;
  SwarmSettings settings = sized(10000, false);
  settings.spread = seconds(10);
  settings.idle_close = seconds(2);
  churn(run, settings, plan);
}

// Every tenth link does not work, in one direction only; connections are reset and refused now and then, and delays
// vary between 1 and 200 ms. A lookup may take longer and may miss whom it cannot reach, but ends, and nobody is lost
// for good.
void bad_links(Run& run) {
  SwarmSettings settings = sized(30, false);
  settings.network.latency = Delay{milliseconds(1), milliseconds(100), 0.01, milliseconds(200)};
  settings.network.resets = 0.002;
  settings.network.refusals = 0.02;
  Swarm swarm(run, settings);
  bootstrap(run, swarm, seconds(120));
  World& world = swarm.world();
  Dice dice = world.dice("links");
  Fabric& network = world.network();
  for (std::size_t i = 0; i < settings.nodes * settings.nodes / 10; ++i) {
    Machine& from = world.machine(1 + dice.below(settings.nodes));
    Machine& to = world.machine(1 + dice.below(settings.nodes));
    if (&from != &to) network.cut(from, to);
  }
  LookupTally troubled;
  look_up_many(swarm, troubled, 100, seconds(120));
  run.expect(troubled.ended == troubled.begun, Verdict::liveness, "a lookup does not end over bad links");
  run.measure("troubled", troubled.begun);
  run.measure("troubled_right", troubled.right);
  network.heal_all();
  network.options().resets = network.options().refusals = 0;
  world.run_for(std::chrono::minutes(15));
  LookupTally healed;
  look_up_many(swarm, healed, 100, seconds(60));
  measure(run, healed);
  measure_tables(run, swarm);
  run.expect(healed.right == healed.begun, Verdict::safety, "not everybody is found again when the links are well");
}

// One machine with the cluster's secret makes up keys as fast as it can and shows each to everybody; another answers
// every question with nodes that do not exist. Nobody may lose honest contacts for it, or much memory, or wrong
// lookups.
constexpr std::size_t kFlood = 40;

void flood(Run& run) {
  SwarmSettings settings = sized(16, false);
  settings.prove = true;
  Swarm swarm(run, settings);
  bootstrap(run, swarm, seconds(60));
  World& world = swarm.world();
  world.run_for(seconds(20));
  std::uint64_t shown = 0;
  std::size_t known = swarm.honest_contacts();
  swarm.add_flood(kFlood, &shown);
  swarm.add_liar(&shown);
  world.run_for(seconds(60));
  run.measure("ids_shown", shown);
  run.expect(shown == kFlood + 1, Verdict::liveness, "the flood did not come");
  run.expect(swarm.honest_contacts() >= known, Verdict::safety,
             "a flood has pushed honest contacts out of their places");
  // Newcomers find their places all the same.
  for (int i = 0; i < 4; ++i) swarm.add();
  world.run_for(seconds(20));
  run.expect(swarm.everybody_joined() && swarm.neighbours_known(), Verdict::safety, "a flood keeps newcomers out");
  LookupTally tally;
  look_up_many(swarm, tally, 60, seconds(60));
  measure(run, tally);
  measure_tables(run, swarm);
  run.expect(tally.right == tally.begun, Verdict::safety,
             std::to_string(tally.begun - tally.right) + " of " + std::to_string(tally.begun) +
                 " lookups were led astray by a flood");
}

const Registration ring("kademlia-lookups", "nodes find each other from one address and everybody finds everybody",
                        lookups_ring);
const Registration everybody("kademlia-everybody", "the same in all-to-all: lookups end locally", lookups_everybody);
const Registration churning("kademlia-churn", "nodes are replaced all the time, and still everybody is found",
                            churn_small);
const Registration links("kademlia-bad-links", "lossy, slow and one-way links: lookups end, and all heals", bad_links);
const Registration flooding("kademlia-flood", "a flood of made-up ids, and answers full of nodes that do not exist",
                            flood);
const Registration c100("kademlia-churn-100", "all-to-all, 100 nodes, 10% an hour are replaced", churn_100,
                        Kind::figure);
const Registration c1000("kademlia-churn-1000", "ring, 1,000 nodes: the same", churn_1000, Kind::figure);
const Registration c10000("kademlia-churn-10000", "ring, 10,000 nodes: the same", churn_10000, Kind::figure);
const Registration r100("kademlia-lookups-100", "all-to-all, 100 nodes: hops, memory, time", figure_100, Kind::figure);
const Registration r1000("kademlia-lookups-1000", "ring, 1,000 nodes: the same", figure_1000, Kind::figure);
const Registration r10000("kademlia-lookups-10000", "ring, 10,000 nodes: the same", figure_10000, Kind::figure);

}  // namespace

}  // namespace vortex::sim
