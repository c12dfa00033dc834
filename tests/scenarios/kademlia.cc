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

void lookups_ring(Run& run) {
  SwarmSettings settings = sized(80, false);
  settings.prove = true;
  lookups(run, settings, 50, seconds(30));
}

void lookups_everybody(Run& run) { lookups(run, sized(24, true), 50, seconds(10)); }

void figure_100(Run& run) { lookups(run, sized(100, true), 1000, seconds(10)); }
void figure_1000(Run& run) {
  SwarmSettings settings = sized(1000, false);
  settings.idle_close = seconds(10);
  lookups(run, settings, 2000, seconds(30));
}
void figure_10000(Run& run) {
  SwarmSettings settings = sized(10000, false);
  settings.spread = seconds(10);
  settings.idle_close = seconds(5);
  lookups(run, settings, 5000, seconds(60));
}

constexpr Kind kFigure = Kind::figure;
const Registration ring("kademlia-lookups", "nodes find each other from one address and everybody finds everybody",
                        lookups_ring);
const Registration everybody("kademlia-everybody", "the same in all-to-all: lookups end locally", lookups_everybody);
const Registration r100("kademlia-lookups-100", "all-to-all, 100 nodes: hops, memory, time", figure_100, kFigure);
const Registration r1000("kademlia-lookups-1000", "ring, 1,000 nodes: the same", figure_1000, kFigure);
const Registration r10000("kademlia-lookups-10000", "ring, 10,000 nodes: the same", figure_10000, kFigure);

}  // namespace

}  // namespace vortex::sim
