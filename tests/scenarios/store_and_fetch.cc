// The thread through the whole house: files are stored under names and fetched back through any node, whole and in
// ranges, replaced, written into, renamed, linked, copied and removed, while nodes are killed, cut off and lose power.
#include <algorithm>
#include <map>

#include "tests/scenarios/storage_node.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr std::size_t kNames = 12;

// What a name may hold: several contents while it is not known which of some operations came last.
struct Possible {
  std::vector<ByteVector> contents;
  bool absent = true;  // it may not be there
  // What may yet happen: a request whose answer was lost may still be at work.
  std::vector<std::pair<ByteVector, Instant>> late_contents;
  Instant late_absence{};
};
constexpr Duration kLateness = seconds(25);

// Outside of the world: what was promised to this client, which alone changes these names.
struct Promises {
  std::map<std::string, Possible> names;
  std::uint64_t stored = 0, stores_failed = 0, fetched = 0, fetches_failed = 0, unknown = 0;
};

std::string name_of(Random& random) { return "/f" + std::to_string(random.below(kNames)); }

ByteVector make_content(Random& random) {
  std::uint64_t limit = 20'000;
  if (random.chance(0.5)) limit = 600'000;
  ByteVector content(static_cast<std::size_t>(random.below(limit)));
  // Half of it compresses.
  random.fill(MutableBytes(content).first(content.size() / 2));
  return content;
}

// The outcome of a change that would have left `after`; nothing: removed.
void note(Instant now, Promises& promises, const std::string& name, const Status& outcome,
          std::optional<ByteVector> after) {
  Possible& possible = promises.names[name];
  bool unknown = outcome.is(Code::outcome_unknown) || outcome.is(Code::cancelled) || outcome.is(Code::timed_out) ||
                 outcome.is(Code::closed);
  if (unknown) {
    ++promises.unknown;
    if (after) {
      possible.contents.push_back(*after);
      possible.late_contents.emplace_back(std::move(*after), now + kLateness);
    } else {
      possible.absent = true;
      possible.late_absence = now + kLateness;
    }
  }
  if (!outcome.ok()) return;
  possible.contents.clear();
  possible.absent = !after || possible.late_absence > now;
  if (after) possible.contents.push_back(std::move(*after));
  for (const auto& [content, until] : possible.late_contents)
    if (until > now) possible.contents.push_back(content);
}

Task<Status> store_one(Env& env, ClientEnd& client, Promises& promises) {
  std::string name = name_of(env.random());
  ByteVector content = make_content(env.random());
  node::MemorySource source(content);
  node::StoreOptions options;
  options.send.slow_after = milliseconds(500);
  options.send.put_timeout = seconds(3);
  options.send.sync_timeout = seconds(5);
  auto stored = co_await client.storer.store(name, source, options);
  Status outcome;
  if (!stored.ok()) outcome = stored.error();
  ++(outcome.ok() ? promises.stored : promises.stores_failed);
  note(env.now(), promises, name, outcome, std::move(content));
  co_return outcome;
}

// Into a file of which it is certain what it holds.
Task<Status> write_into(Env& env, ClientEnd& client, Promises& promises) {
  std::string name = name_of(env.random());
  Possible& possible = promises.names[name];
  if (possible.absent || possible.contents.size() != 1) co_return Status();
  ByteVector after = possible.contents[0], fresh = make_content(env.random());
  std::uint64_t offset = env.random().below(after.size() + 1000);
  if (env.random().chance(0.3)) offset = after.size();
  after.resize(std::max<std::size_t>(after.size(), offset + fresh.size()));
  if (fresh.empty()) after.resize(std::max<std::size_t>(possible.contents[0].size(), offset));
  std::copy(fresh.begin(), fresh.end(), after.begin() + static_cast<std::ptrdiff_t>(offset));
  node::MemorySource source(fresh);
  node::StoreOptions options;
  auto written = co_await client.storer.write(name, offset, source, options);
  Status outcome;
  if (!written.ok()) outcome = written.error();
  note(env.now(), promises, name, outcome, std::move(after));
  co_return outcome;
}

Task<Status> remove_one(Env& env, ClientEnd& client, Promises& promises) {
  std::string name = name_of(env.random());
  net::RemoveFileRequest request;
  request.path = name;
  env.random().fill(request.terms.operation.emplace());
  auto removed = co_await client.files.call<net::RemoveFile>(std::move(request), true, seconds(5));
  Status outcome;
  if (!removed.ok()) outcome = removed.error();
  if (outcome.is(Code::not_found)) co_return Status();
  note(env.now(), promises, name, outcome, std::nullopt);
  co_return outcome;
}

Task<Status> fetch_one(Env& env, World* world, ClientEnd& client, Promises& promises, std::string name) {
  // By value: nothing else changes these names while we wait.
  Possible possible = promises.names[name];
  node::MemorySink sink;
  node::FetchOptions options;
  bool range = env.random().chance(0.4);
  if (range) {
    options.offset = env.random().below(100'000);
    options.length = env.random().below(200'000);
  }
  options.read.get_timeout = seconds(3);
  auto fetched = co_await client.fetcher.fetch(name, sink, options);
  if (fetched.is(Code::not_found) && possible.absent) co_return Status();
  if (!fetched.ok()) {
    ++promises.fetches_failed;
    if (fetched.is(Code::not_found)) world->violation(Verdict::safety, "a file that was stored is not found: " + name);
    if (fetched.is(Code::damaged)) world->violation(Verdict::safety, fetched.error().to_string() + ": " + name);
    co_return fetched.error();
  }
  ++promises.fetched;
  ByteVector content = sink.take();
  bool right = false;
  for (const ByteVector& each : possible.contents) {
    std::uint64_t begin = std::min<std::uint64_t>(options.offset, each.size());
    std::uint64_t length = std::min<std::uint64_t>(options.length, each.size() - begin);
    right = right || equal(ByteView(each).subspan(begin, length), content);
  }
  if (!right) world->violation(Verdict::safety, "a fetch returned other bytes than were stored: " + name);
  co_return Status();
}

Task<void> client(Env& env, World* world, ClusterFacts facts, Promises* promises) {
  ClientEnd end(env, facts, facts.nodes + 1);
  while (true) {
    Status done;
    switch (env.random().below(8)) {
      case 0:
      case 1:
      case 2:
        done = co_await store_one(env, end, *promises);
        break;
      case 3:
        done = co_await write_into(env, end, *promises);
        break;
      case 4:
        done = co_await remove_one(env, end, *promises);
        break;
      default:
        done = co_await fetch_one(env, world, end, *promises, name_of(env.random()));
    }
    if (done.is(Code::cancelled)) break;
    Status slept = co_await sleep_for(env, milliseconds(env.random().below(200)));
    if (!slept.ok()) break;
  }
  co_await end.stop();
}

// Everything that was ever acknowledged must come back, whole.
Task<Status> fetch_all(Env& env, World* world, ClusterFacts facts, Promises* promises) {
  ClientEnd end(env, facts, facts.nodes + 2);
  Status outcome;
  for (std::size_t i = 0; i < kNames && outcome.ok(); ++i) {
    std::string name = "/f" + std::to_string(i);
    // A node may still be on its way up; what is durable comes back within this time.
    Instant patience = env.now() + seconds(30);
    do {
      outcome = co_await fetch_one(env, world, end, *promises, name);
      Status slept = co_await sleep_for(env, milliseconds(10));
      if (!slept.ok()) break;
    } while (!outcome.ok() && env.now() < patience);
    if (!outcome.ok()) outcome = Error(Code::failed, name + " is lost: " + outcome.error().to_string());
  }
  co_await end.stop();
  co_return outcome;
}

void store_and_fetch(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.buggify_sites = 0.3;
  World& world = run.make_world(options);
  Dice dice = world.dice("store-and-fetch");
  dht::LocalPartitions partitions(16);
  ClusterFacts facts;
  facts.seed = run.seed();
  facts.nodes = dice.between(3, 5);
  facts.transport = dice.one_in(4) ? net::Transport::tls : net::Transport::plain;
  facts.partitions = &partitions;
  facts.records.delay_max = milliseconds(5);
  facts.records.busy = 0.01;
  facts.records.unknown_done = 0.01;
  facts.records.unknown_not_done = 0.01;
  node::FilePolicy policy;
  policy.chunks.cut = dice.one_in(2) ? chunker::CutPolicy::fixed(64 * kKiB) : chunker::CutPolicy::content(32 * kKiB);
  policy.inline_max = 4 * kKiB;
  make_root(world, world.add_machine("founder"), partitions, policy);
  NemesisOptions nemesis;
  for (std::size_t number = 1; number <= facts.nodes; ++number) {
    Machine& machine = world.add_machine("m" + std::to_string(number));
    machine.keep_running(milliseconds(300));
    machine.start([facts, number](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<StorageNode>(env, facts, number);
    });
    nemesis.machines.push_back(machine.name());
  }
  Promises promises;
  world.add_machine("client").start(program(client, &world, facts, &promises));
  world.run_for(seconds(2));
  run.unleash(nemesis);
  world.run_for(seconds(40));
  run.calm();
  world.run_for(seconds(10));
  run.measure("files stored", promises.stored);
  run.measure("stores failed", promises.stores_failed);
  run.measure("files fetched", promises.fetched);
  run.measure("fetches failed", promises.fetches_failed);
  run.measure("outcomes unknown", promises.unknown);
  run.expect(promises.stored >= 5, Verdict::liveness, "hardly anything could be stored");
  run.expect(promises.fetched > 0, Verdict::liveness, "nothing could be fetched");

  // All nodes lose power at once and come back.
  world.find_machine("client")->kill();
  for (std::size_t number = 1; number <= facts.nodes; ++number)
    world.find_machine("m" + std::to_string(number))->power_cut();
  for (std::size_t number = 1; number <= facts.nodes; ++number) {
    Machine& machine = *world.find_machine("m" + std::to_string(number));
    if (!machine.running()) machine.start();
  }
  world.run_for(seconds(3));
  Machine& reader = world.add_machine("reader");
  std::optional<Status> all;
  auto body = [](Env& env, World* in, ClusterFacts of, Promises* from, std::optional<Status>* into) -> Task<void> {
    Status status = co_await fetch_all(env, in, of, from);
    into->emplace(std::move(status));
  };
  reader.start(program(body, &world, facts, &promises, &all));
  world.run_until([&all] { return all.has_value(); }, seconds(300));
  run.expect(all.has_value(), Verdict::liveness, "fetching everything took too long");
  if (all) run.expect(all->ok(), Verdict::safety, all->ok() ? "" : std::string(all->error().message()));
}

const Registration registration("store-and-fetch", "acknowledged files come back whole, whatever happens to nodes",
                                store_and_fetch);

}  // namespace

}  // namespace vortex::sim
