// The thread through the whole house: files are cut, packed, placed by the ring, put onto nodes through the network,
// made durable, and fetched back while nodes are killed, cut off and lose power.
#include "base/hash.h"
#include "tests/scenarios/storage_node.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr std::size_t kCopies = 3, kCopiesMin = 2;

struct Acknowledged {
  StoredFile file;
  Id content;
  std::size_t size = 0;
};

// Outside of the world: what was promised.
struct Promises {
  std::vector<Acknowledged> files;
  std::uint64_t stores_failed = 0, fetched = 0, fetches_failed = 0;
};

ByteVector make_content(Random& random) {
  ByteVector content(static_cast<std::size_t>(1 + random.below(random.chance(0.3) ? 600'000 : 20'000)));
  // Half of it compresses.
  random.fill(MutableBytes(content).first(content.size() / 2 + 1));
  return content;
}

chunker::Policy policy_of(Random& random) {
  chunker::Policy policy;
  policy.cut = random.chance(0.5) ? chunker::CutPolicy::fixed(64 * kKiB) : chunker::CutPolicy::content(32 * kKiB);
  return policy;
}

Task<Status> fetch_one(Env& env, World* world, MemberEnd& end, const ClusterFacts& facts, Promises* promises,
                       std::size_t index) {
  Acknowledged promised = promises->files[index];
  auto content = co_await fetch_file(env, end, facts, promised.file, kCopies);
  if (!content.ok()) {
    ++promises->fetches_failed;
    co_return content.error();
  }
  ++promises->fetched;
  if (content->size() != promised.size || sha256(*content) != promised.content)
    world->violation(Verdict::safety, "a fetch returned other bytes than were stored");
  co_return Status();
}

Task<void> client(Env& env, World* world, ClusterFacts facts, Promises* promises) {
  MemberEnd end(env, facts, facts.nodes + 1);
  while (true) {
    if (promises->files.empty() || env.random().chance(0.5)) {
      ByteVector content = make_content(env.random());
      chunker::Policy policy = policy_of(env.random());
      auto file = co_await store_file(env, end, facts, content, policy, kCopies, kCopiesMin);
      if (file.is(Code::cancelled)) break;
      if (file.ok()) {
        Acknowledged promise;
        promise.file = std::move(*file);
        promise.content = sha256(content);
        promise.size = content.size();
        promises->files.push_back(std::move(promise));
      } else {
        ++promises->stores_failed;
      }
    } else {
      std::size_t index = env.random().below(promises->files.size());
      Status fetched = co_await fetch_one(env, world, end, facts, promises, index);
      if (fetched.is(Code::cancelled)) break;
    }
    Status slept = co_await sleep_for(env, milliseconds(env.random().below(300)));
    if (!slept.ok()) break;
  }
  co_await end.stop();
}

// Everything that was ever acknowledged must come back, whole.
Task<Status> fetch_all(Env& env, World* world, ClusterFacts facts, Promises* promises) {
  MemberEnd end(env, facts, facts.nodes + 2);
  Status outcome;
  for (std::size_t i = 0; i < promises->files.size() && outcome.ok(); ++i) {
    // A node may still be on its way up; what is durable comes back within this time.
    Instant patience = env.now() + seconds(30);
    do {
      outcome = co_await fetch_one(env, world, end, facts, promises, i);
      Status slept = co_await sleep_for(env, milliseconds(10));
      if (!slept.ok()) break;
    } while (!outcome.ok() && env.now() < patience);
    if (!outcome.ok())
      outcome = Error(Code::failed, "file " + std::to_string(i) + " is lost: " + outcome.error().to_string());
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
  ClusterFacts facts;
  facts.seed = run.seed();
  facts.nodes = dice.between(3, 5);
  facts.transport = dice.one_in(4) ? net::Transport::tls : net::Transport::plain;
  NemesisOptions nemesis;
  for (std::size_t number = 1; number <= facts.nodes; ++number) {
    Machine& machine = world.add_machine();
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
  run.expect(promises.files.size() >= 5, Verdict::liveness, "hardly anything could be stored");
  run.expect(promises.fetched > 0, Verdict::liveness, "nothing could be fetched");

  // All nodes lose power at once and come back.
  world.find_machine("client")->kill();
  for (std::size_t number = 1; number <= facts.nodes; ++number) world.machine(number).power_cut();
  for (std::size_t number = 1; number <= facts.nodes; ++number)
    if (!world.machine(number).running()) world.machine(number).start();
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
