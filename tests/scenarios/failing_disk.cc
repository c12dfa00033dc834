// The disk of one of five whole nodes refuses to give back what was written to it: without anybody's command the node
// drains, others get what it holds, and every file stays whole.
#include "base/hash.h"
#include "net/messages/repair.h"
#include "tests/scenarios/whole_node.h"
#include "tests/sim/drive.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr Duration kPatience = seconds(15);
constexpr std::size_t kFiles = 20, kFileBytes = 200'000, kVictim = 2;

struct Bookshelf {
  std::vector<Id> contents;
  bool draining = false, done = false;
  Status failed;
};

Task<Status> shelve(Env& env, WholeClient& client, Bookshelf& shelf) {
  CO_RETURN_IF_ERROR(co_await client.session.connect(kPatience));
  for (std::size_t i = 0; i < kFiles; ++i) {
    ByteVector content(kFileBytes);
    env.random().fill(content);
    node::MemorySource source(content);
    node::StoreOptions options;
    options.record_timeout = kPatience;
    auto stored = co_await client.storer.store("/f" + std::to_string(i), source, options);
    if (!stored.ok()) co_return stored.error();
    shelf.contents.push_back(sha256(content));
  }
  co_return Status();
}

Task<Status> read_back(Env&, WholeClient& client, Bookshelf& shelf) {
  CO_RETURN_IF_ERROR(co_await client.session.connect(kPatience));
  for (std::size_t i = 0; i < shelf.contents.size(); ++i) {
    node::MemorySink sink;
    node::FetchOptions options;
    options.record_timeout = kPatience;
    auto fetched = co_await client.fetcher.fetch("/f" + std::to_string(i), sink, options);
    if (!fetched.ok()) co_return fetched.error();
    if (sha256(sink.take()) != shelf.contents[i]) co_return Error(Code::damaged, "another file than was stored");
  }
  // What no read comes across the scrub finds.
  net::SteerManagersRequest scrub;
  scrub.what = net::Steering::start_scrub;
  scrub.everywhere = true;
  auto begun = co_await client.session.ask<net::SteerManagers>(scrub, kPatience);
  if (!begun.ok()) co_return begun.error();
  CO_RETURN_IF_ERROR(co_await client.session.refresh(kPatience));
  const std::string victim = "m" + std::to_string(kVictim);
  for (const net::Member& member : client.session.members().members)
    if (member.address.host == victim) shelf.draining = member.standing == net::MemberStanding::draining;
  co_return Status();
}

using Errand = Task<Status> (*)(Env&, WholeClient&, Bookshelf&);
Task<void> reader(Env& env, ClusterPlan plan, node::AccessKeyText key, Errand errand, Bookshelf* shelf) {
  WholeClient end(env, plan, key);
  shelf->failed = co_await errand(env, end, *shelf);
  co_await end.session.stop();
  shelf->done = true;
}

bool send(Run& run, const ClusterPlan& plan, const node::AccessKeyText& key, Errand errand, Bookshelf& shelf) {
  World& world = run.world();
  Machine* machine = world.find_machine("reader");
  if (!machine) machine = &world.add_machine("reader");
  shelf.done = false;
  machine->start(program(reader, plan, key, errand, &shelf));
  world.run_until([&shelf] { return shelf.done; }, seconds(120));
  return run.expect(shelf.done && shelf.failed.ok(), Verdict::liveness,
                    shelf.failed.ok() ? "no end" : shelf.failed.error().to_string());
}

void failing_disk(Run& run) {
  World& world = run.make_world(WorldOptions());
  ClusterPlan plan;
  plan.nodes = 5;
  node::AccessKeyText key = start_cluster(world, plan);
  if (world.verdict() != Verdict::clean) return;
  Bookshelf shelf;
  if (!send(run, plan, key, shelve, shelf)) return;
  world.run_for(seconds(20));
  // Half of what it has written cannot be read any more.
  std::size_t lost = 0;
  for (int segment = 1; segment <= 9; ++segment) {
    std::string path = "data/chunks/segment-" + std::string(9, '0') + std::to_string(segment);
    for (std::uint64_t offset = 64 * kKiB; offset < 8 * kMiB; offset += 96 * kKiB)
      lost += world.machine(kVictim).drive().lose_block(path, offset).ok() ? 1 : 0;
  }
  run.expect(lost > 0, Verdict::liveness, "nothing was lost");
  // Reads and the scrub meet it.
  const Duration began = world.now();
  while (!shelf.draining && world.now() - began < seconds(400) && world.verdict() == Verdict::clean) {
    world.run_for(seconds(5));
    if (!send(run, plan, key, read_back, shelf)) return;
  }
  run.measure("seconds until it drains", static_cast<std::uint64_t>(to_seconds(world.now() - began)));
  if (!run.expect(shelf.draining, Verdict::liveness, "a node whose disk fails does not drain")) return;
  world.run_for(seconds(60));
  // Now it may go without anybody missing it.
  world.machine(kVictim).kill();
  (void)send(run, plan, key, read_back, shelf);
}

const Registration registration("failing-disk", "a node whose disk refuses reads drains by itself", failing_disk);

}  // namespace

}  // namespace vortex::sim
