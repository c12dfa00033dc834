// What membership costs and how quick it is, in sizes from a desk to ten thousand nodes: the table of dht/README.md.
#include <sys/resource.h>

#include <algorithm>
#include <ctime>

#include "base/hash.h"
#include "tests/scenarios/members_node.h"
#include "tests/sim/fabric.h"

namespace vortex::sim {

namespace {

struct Size {
  std::size_t nodes;
  dht::Topology topology;
  Duration bootstrap_within;
};
constexpr Size kDesk{24, dht::Topology::all_to_all, seconds(10)};
constexpr Size kDeskRing{48, dht::Topology::ring, seconds(20)};
constexpr Size kAll100{100, dht::Topology::all_to_all, seconds(10)};
constexpr Size kRing1000{1000, dht::Topology::ring, seconds(30)};
constexpr Size kRing10000{10'000, dht::Topology::ring, seconds(60)};

constexpr Duration kQuiet = seconds(20);
constexpr Duration kLook = milliseconds(20);
constexpr Duration kTwoMinutes = std::chrono::minutes(2);
constexpr std::uint64_t kLookups = 500;

double processor_time() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::uint64_t peak_memory_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) / 1024;
}

World& make_world(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::error;
  return run.make_world(options);
}

// Everybody starts within a second and joins through one address.
bool bootstrap(Run& run, MembersCluster& cluster, const Size& size) {
  World& world = run.world();
  cluster.plan.topology = size.topology;
  Duration began = world.now();
  double processor = processor_time();
  cluster.start(size.nodes, seconds(1));
  bool settled = cluster.settle(size.bootstrap_within);
  run.measure("bootstrap_ms", static_cast<std::uint64_t>(to_ms(world.now() - began)));
  run.measure("bootstrap_cpu_ms", static_cast<std::uint64_t>(1000 * (processor_time() - processor)));
  return run.expect(settled, Verdict::liveness, "the cluster does not find itself in time");
}

void measure_traffic(Run& run, const Size& size) {
  World& world = run.world();
  std::uint64_t bytes = world.network().bytes(), segments = world.network().segments();
  world.run_for(kQuiet);
  auto each = [&](std::uint64_t count) { return count / size.nodes / static_cast<std::uint64_t>(kQuiet / seconds(1)); };
  run.measure("idle_bytes_sent_per_second", each(world.network().bytes() - bytes));
  run.measure("idle_segments_per_second", each(world.network().segments() - segments));
}

void measure_memory(Run& run, MembersCluster& cluster) {
  std::size_t most = 0, links = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    dht::Membership* member = cluster.member(i);
    if (!member) continue;
    most = std::max(most, member->memory());
    links = std::max(links, member->heartbeats().links());
  }
  run.measure("memory_per_node", most);
  run.measure("links_most", links);
  run.measure("process_mib", peak_memory_mib());
}

// Lookups of nodes by id, from anywhere, as partitions are looked for.
struct Lookups {
  std::uint64_t ended = 0, right = 0, hops = 0, hops_most = 0, requests = 0;
};

Task<void> look_up(dht::Membership* from, Id target, NodeId nearest, std::shared_ptr<Lookups> sum) {
  dht::FindOptions options;
  auto found = co_await from->kademlia().find(target, options);
  ++sum->ended;
  if (!found.ok()) co_return;
  if (!found->nearest.empty() && found->nearest.front().id == nearest) ++sum->right;
  sum->hops += found->hops;
  sum->hops_most = std::max<std::uint64_t>(sum->hops_most, found->hops);
  sum->requests += found->requests;
}

void measure_lookups(Run& run, MembersCluster& cluster) {
  Dice dice = run.world().dice("lookups");
  auto sum = std::make_shared<Lookups>();
  std::uint64_t begun = 0;
  while (begun < kLookups) {
    std::size_t from = dice.below(cluster.size());
    if (!cluster.member(from)) continue;
    Id target = sha256(as_bytes("target " + std::to_string(dice.below(~std::uint64_t(0)))));
    NodeId nearest = cluster.id(0);
    for (std::size_t i = 1; i < cluster.size(); ++i)
      if (cluster.machine(i).running() && target.distance(cluster.id(i)) < target.distance(nearest))
        nearest = cluster.id(i);
    cluster.machine(from).spawn(look_up(cluster.member(from), target, nearest, sum));
    ++begun;
  }
  run.world().run_until([&] { return sum->ended == begun; }, seconds(30));
  run.measure("lookups", sum->ended);
  run.measure("lookups_right", sum->right);
  run.measure("lookup_hops_mean_hundredths", 100 * sum->hops / begun);
  run.measure("lookup_hops_most", sum->hops_most);
  run.measure("lookup_requests_mean_hundredths", 100 * sum->requests / begun);
  run.expect(sum->right == begun, Verdict::liveness, "a lookup does not find the nearest though nothing changes");
}

void measure_quiet(Run& run, MembersCluster& cluster, const Size& size) {
  run.world().run_for(seconds(15));
  measure_traffic(run, size);
  measure_memory(run, cluster);
}

void members_bootstrap(Run& run, const Size& size) {
  World& world = make_world(run);
  MembersCluster cluster(run, world);
  if (!bootstrap(run, cluster, size)) return;
  measure_quiet(run, cluster, size);
  run.expect(cluster.agreed(), Verdict::liveness, "directories differ though nothing changes");
  run.expect(cluster.counted("vortex_members_condemned") == 0, Verdict::safety, "a living member was condemned");
  run.measure("cpu_ms", static_cast<std::uint64_t>(1000 * processor_time()));
}

std::uint64_t percentile(std::vector<std::uint64_t>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// Power fails at one node after the other; when does each of the others take it for dead?
void measure_detection(Run& run, MembersCluster& cluster, const Size& size, std::size_t victims) {
  World& world = run.world();
  Dice dice = world.dice("victims");
  std::vector<std::uint64_t> times;
  for (std::size_t round = 0; round < victims; ++round) {
    std::size_t victim = 1 + dice.below(size.nodes - 1);
    if (!cluster.machine(victim).running()) continue;
    world.run_for(dice.between(Duration(0), seconds(1)));
    cluster.machine(victim).power_cut();
    Duration began = world.now();
    std::size_t others = cluster.running(), told = 0;
    while (told < others && world.now() < began + seconds(30)) {
      world.run_for(kLook);
      std::size_t now = cluster.taking(cluster.id(victim), dht::Health::dead);
      for (; told < now; ++told) times.push_back(static_cast<std::uint64_t>(to_ms(world.now() - began)));
    }
    run.expect(told == others, Verdict::liveness, "a crash is not known everywhere after 30 s");
    world.run_for(seconds(3));
  }
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  run.measure("detected_p50_ms", percentile(times, 0.5));
  run.measure("detected_p99_ms", percentile(times, 0.99));
  run.measure("detected_max_ms", times.back());
  run.expect(cluster.counted("vortex_members_condemned") >= victims / 2, Verdict::liveness, "nobody was condemned");
}

void members_detect(Run& run, const Size& size, std::size_t victims) {
  World& world = make_world(run);
  MembersCluster cluster(run, world);
  if (!bootstrap(run, cluster, size)) return;
  world.run_for(seconds(15));
  measure_detection(run, cluster, size, victims);
}

// Nobody dies, and everything is bad: latency of 1 to 200 ms, connections are reset, one in twenty stands still for a
// second now and then.
void measure_false_deaths(Run& run, MembersCluster& cluster, const Size& size, Duration lasts) {
  World& world = run.world();
  std::uint64_t before = cluster.counted("vortex_members_condemned");
  NetworkOptions& network = world.network().options();
  network.latency = Delay{milliseconds(1), milliseconds(200), 0, Duration(0)};
  network.resets = 0.0001;
  Dice dice = world.dice("pauses");
  std::size_t pausing = std::max<std::size_t>(1, size.nodes / 20);
  Duration began = world.now();
  while (world.now() < began + lasts && world.violations().empty()) {
    for (std::size_t i = 0; i < pausing; ++i) {
      Machine* machine = &cluster.machine(dice.below(size.nodes));
      Duration when = dice.between(Duration(0), seconds(18));
      world.after(when, [machine] { machine->pause(); });
      world.after(when + seconds(1), [machine] { machine->resume(); });
    }
    world.run_for(seconds(20));
  }
  run.measure("node_seconds", static_cast<std::uint64_t>(to_seconds(world.now() - began)) * size.nodes);
  run.measure("suspicions", cluster.counted("vortex_members_suspected"));
  run.measure("refutations", cluster.counted("vortex_members_refutations"));
  std::uint64_t deaths = cluster.counted("vortex_members_condemned") - before;
  run.measure("false_deaths", deaths);
  run.measure("cpu_ms", static_cast<std::uint64_t>(1000 * processor_time()));
  run.expect(deaths == 0, Verdict::safety, std::to_string(deaths) + " living members were declared dead");
}

void members_false_deaths(Run& run, const Size& size, Duration lasts) {
  World& world = make_world(run);
  MembersCluster cluster(run, world);
  if (!bootstrap(run, cluster, size)) return;
  measure_false_deaths(run, cluster, size, lasts);
}

// Every figure of one cluster, where its beginning is what takes the time.
void members_all(Run& run, const Size& size, std::size_t victims, Duration lasts) {
  World& world = make_world(run);
  MembersCluster cluster(run, world);
  if (!bootstrap(run, cluster, size)) return;
  measure_quiet(run, cluster, size);
  run.expect(cluster.agreed(), Verdict::liveness, "directories differ though nothing changes");
  run.expect(cluster.counted("vortex_members_condemned") == 0, Verdict::safety, "a living member was condemned");
  measure_lookups(run, cluster);
  if (world.now() < kTwoMinutes) world.run_for(kTwoMinutes - world.now());
  run.measure("two_minutes_cpu_ms", static_cast<std::uint64_t>(1000 * processor_time()));
  run.measure("two_minutes_mib", peak_memory_mib());
  measure_detection(run, cluster, size, victims);
  // Whoever died is no part of the rest.
  measure_false_deaths(run, cluster, size, lasts);
}

constexpr Kind kFigure = Kind::figure;
using std::chrono::minutes;

const Registration bootstrap_desk("members-bootstrap", "24 nodes join through one address: time, traffic, memory",
                                  [](Run& run) { members_bootstrap(run, kDesk); });
const Registration bootstrap_desk_ring("members-bootstrap-ring", "the same with 48 nodes in a ring",
                                       [](Run& run) { members_bootstrap(run, kDeskRing); });
const Registration bootstrap_100(
    "members-bootstrap-100", "the same with 100 nodes, all to all", [](Run& run) { members_bootstrap(run, kAll100); },
    kFigure);
const Registration bootstrap_1000(
    "members-bootstrap-1000", "the same with 1,000 nodes in a ring",
    [](Run& run) { members_bootstrap(run, kRing1000); }, kFigure);
const Registration bootstrap_10000(
    "members-bootstrap-10000", "the same with 10,000 nodes in a ring",
    [](Run& run) { members_bootstrap(run, kRing10000); }, kFigure);

const Registration detect_desk("members-detect", "24 nodes: how soon does everybody know of a crash?",
                               [](Run& run) { members_detect(run, kDesk, 3); });
const Registration detect_desk_ring("members-detect-ring", "the same with 48 nodes in a ring",
                                    [](Run& run) { members_detect(run, kDeskRing, 3); });
const Registration detect_100(
    "members-detect-100", "the same with 100 nodes, all to all", [](Run& run) { members_detect(run, kAll100, 20); },
    kFigure);
const Registration detect_1000(
    "members-detect-1000", "the same with 1,000 nodes in a ring", [](Run& run) { members_detect(run, kRing1000, 10); },
    kFigure);
const Registration detect_10000(
    "members-detect-10000", "the same with 10,000 nodes in a ring",
    [](Run& run) { members_detect(run, kRing10000, 5); }, kFigure);

const Registration deaths_desk("members-false-deaths", "24 nodes, a bad network and pauses: nobody is declared dead",
                               [](Run& run) { members_false_deaths(run, kDesk, minutes(2)); });
const Registration deaths_desk_ring("members-false-deaths-ring", "the same with 48 nodes in a ring",
                                    [](Run& run) { members_false_deaths(run, kDeskRing, minutes(2)); });
const Registration deaths_100(
    "members-false-deaths-100", "the same with 100 nodes, all to all, for half an hour",
    [](Run& run) { members_false_deaths(run, kAll100, minutes(30)); }, kFigure);
const Registration deaths_1000(
    "members-false-deaths-1000", "the same with 1,000 nodes in a ring, for an hour",
    [](Run& run) { members_false_deaths(run, kRing1000, minutes(60)); }, kFigure);
const Registration deaths_10000(
    "members-false-deaths-10000", "the same with 10,000 nodes in a ring, for 2 minutes",
    [](Run& run) { members_false_deaths(run, kRing10000, minutes(2)); }, kFigure);

const Registration all_desk("members-all", "48 nodes in a ring: all of these figures of one cluster",
                            [](Run& run) { members_all(run, kDeskRing, 2, minutes(1)); });
const Registration all_1000(
    "members-all-1000", "the same with 1,000 nodes", [](Run& run) { members_all(run, kRing1000, 5, minutes(2)); },
    kFigure);
const Registration all_10000(
    "members-all-10000", "the same with 10,000 nodes", [](Run& run) { members_all(run, kRing10000, 5, minutes(2)); },
    kFigure);

}  // namespace

}  // namespace vortex::sim
