// Everything at once: whole nodes create and join a cluster, a client with a key stores, fetches, renames and removes
// files through it, while nodes are killed, cut off and lose power. What was acknowledged comes back whole.
#include <algorithm>
#include <map>

#include "base/hash.h"
#include "tests/scenarios/killed_at_end.h"
#include "tests/scenarios/whole_node.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr Duration kPatience = seconds(15);

struct Kept {
  Id content;
  std::size_t size = 0;
};

// Outside of the world: what was acknowledged. Every name is stored once, so there is no doubt what it must hold.
struct Archive {
  std::map<std::string, Kept> files;
  std::uint64_t stored = 0, stores_failed = 0, fetched = 0, fetches_failed = 0, renamed = 0, removed = 0;
  std::uint64_t next_name = 0;
};

ByteVector make_content(Random& random) {
  std::uint64_t limit = random.chance(0.3) ? 400'000 : 5'000;
  ByteVector content(static_cast<std::size_t>(random.below(limit)));
  random.fill(MutableBytes(content).first(content.size() / 2));
  return content;
}

Task<Status> store_one(Env& env, WholeClient& client, Archive& archive) {
  std::string name = "/f" + std::to_string(archive.next_name++);
  ByteVector content = make_content(env.random());
  node::MemorySource source(content);
  node::StoreOptions options;
  options.change = client.names.change(kPatience);
  options.record_timeout = kPatience;
  auto stored = co_await client.storer.store(name, source, options);
  if (stored.ok()) {
    ++archive.stored;
    Kept& kept = archive.files[name];
    kept.content = sha256(content);
    kept.size = content.size();
    co_return Status();
  }
  ++archive.stores_failed;
  co_return stored.error();
}

Task<Status> fetch_one(World* world, WholeClient& client, Archive& archive, std::string name, Kept kept) {
  node::MemorySink sink;
  node::FetchOptions options;
  options.record_timeout = kPatience;
  auto fetched = co_await client.fetcher.fetch(name, sink, options);
  if (!fetched.ok()) {
    ++archive.fetches_failed;
    if (fetched.is(Code::not_found)) world->violation(Verdict::safety, name + " was acknowledged and is not there");
    if (fetched.is(Code::damaged)) world->violation(Verdict::safety, name + " comes back damaged");
    co_return fetched.error();
  }
  ++archive.fetched;
  ByteVector content = sink.take();
  if (content.size() != kept.size || sha256(content) != kept.content)
    world->violation(Verdict::safety, name + " comes back as something else");
  co_return Status();
}

// What becomes of a file whose change has an unknown outcome nobody can say: it is not looked at any more.
Task<Status> move_one(Env& env, WholeClient& client, Archive& archive, std::string name, Kept kept) {
  archive.files.erase(name);
  if (env.random().chance(0.5)) {
    std::string to = "/r" + std::to_string(archive.next_name++);
    Status moved = co_await client.names.rename(name, to, true, kPatience);
    if (moved.ok()) {
      archive.files[to] = kept;
      ++archive.renamed;
    }
    co_return moved;
  }
  Status removed = co_await client.names.remove(name, net::RemoveWhat::file, kPatience);
  if (removed.ok()) ++archive.removed;
  co_return removed;
}

Task<void> client(Env& env, World* world, ClusterPlan plan, node::AccessKeyText key, Archive* archive) {
  WholeClient end(env, plan, key);
  Status status = co_await end.session.connect(seconds(30));
  while (!status.is(Code::cancelled)) {
    if (archive->files.empty() || env.random().chance(0.5)) {
      status = co_await store_one(env, end, *archive);
    } else {
      auto chosen = archive->files.begin();
      std::advance(chosen, static_cast<std::ptrdiff_t>(env.random().below(archive->files.size())));
      auto [name, kept] = *chosen;
      if (env.random().chance(0.8)) {
        status = co_await fetch_one(world, end, *archive, name, kept);
      } else {
        status = co_await move_one(env, end, *archive, name, kept);
      }
    }
    if (status.is(Code::cancelled)) break;
    status = co_await sleep_for(env, milliseconds(env.random().below(300)));
  }
  co_await end.session.stop();
}

Task<void> fetch_all(Env& env, World* world, ClusterPlan plan, node::AccessKeyText key, Archive* archive,
                     std::optional<std::string>* trouble) {
  WholeClient end(env, plan, key);
  std::string first;
  Status connected = co_await end.session.connect(seconds(60));
  if (!connected.ok()) first = "no node answers: " + connected.error().to_string();
  for (const auto& [name, kept] : archive->files) {
    Instant patience = env.now() + seconds(60);
    Status fetched;
    do {
      fetched = co_await fetch_one(world, end, *archive, name, kept);
      if (!fetched.ok()) (void)(co_await sleep_for(env, milliseconds(200))).ok();
    } while (!fetched.ok() && env.now() < patience && !fetched.is(Code::cancelled));
    if (!fetched.ok() && first.empty()) first = name + ": " + fetched.error().to_string();
  }
  co_await end.session.stop();
  trouble->emplace(first);
}

void whole_cluster(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.buggify_sites = 0.2;
  World& world = run.make_world(options);
  Dice dice = world.dice("whole-cluster");
  ClusterPlan plan;
  plan.nodes = dice.between(3, 5);
  plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  plan.transport = dice.one_in(4) ? net::Transport::tls : net::Transport::plain;
  node::AccessKeyText key = start_cluster(world, plan);
  if (world.verdict() != Verdict::clean) return;
  world.run_for(seconds(5));
  Archive archive;
  std::optional<std::string> trouble;
  KilledAtEnd killed(world);
  world.add_machine("client").start(program(client, &world, plan, key, &archive));
  world.run_for(seconds(3));
  NemesisOptions nemesis;
  for (std::size_t number = 1; number <= plan.nodes; ++number) nemesis.machines.push_back(world.machine(number).name());
  run.unleash(nemesis);
  world.run_for(seconds(40));
  run.calm();
  world.run_for(seconds(15));
  run.measure("stored", archive.stored);
  run.measure("fetched", archive.fetched);
  run.measure("renamed", archive.renamed);
  run.measure("failed", archive.stores_failed + archive.fetches_failed);
  run.expect(archive.stored >= 5, Verdict::liveness, "hardly anything could be stored");

  // All nodes lose power at once and come back.
  world.find_machine("client")->kill();
  for (std::size_t number = 1; number <= plan.nodes; ++number) world.machine(number).power_cut();
  for (std::size_t number = 1; number <= plan.nodes; ++number)
    if (!world.machine(number).running()) world.machine(number).start();
  world.run_for(seconds(10));
  if (world.verdict() != Verdict::clean) return;
  world.add_machine("reader").start(program(fetch_all, &world, plan, key, &archive, &trouble));
  world.run_until([&trouble] { return trouble.has_value(); }, seconds(600));
  run.expect(trouble.has_value(), Verdict::liveness, "fetching everything took too long");
  if (trouble) run.expect(trouble->empty(), Verdict::liveness, *trouble);
}

const Registration registration("whole-cluster", "whole nodes, a client with a key, files through everything",
                                whole_cluster);

}  // namespace

}  // namespace vortex::sim
