// A process ends at each named step of a store or a fetch: members, which come back, and clients, which do not. What
// was acknowledged is there; of everything else nothing, or all.
#include "node/kill_points.h"

#include <set>

#include "base/log.h"
#include "tests/scenarios/whole_node.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr Duration kPatience = seconds(20);
// Every run ends processes at one in so many of the points: as many seeds visit them all.
constexpr std::size_t kShares = 4;

// Outside of the world. The first process that says the armed name ends there.
struct Trap {
  std::string armed;
  bool sprung = false;
};

// The machine's world, with an ear for the steps that are passed in it.
class TrappedEnv final : public Env {
 public:
  TrappedEnv(Env& env, std::shared_ptr<Trap> trap)
      : env_(env), ear_(env, std::move(trap)), log_(env.clock(), ear_, LogLevel::debug) {}
  Loop& loop() override { return env_.loop(); }
  Clock& clock() override { return env_.clock(); }
  Network& network() override { return env_.network(); }
  Disk& disk() override { return env_.disk(); }
  Random& random() override { return env_.random(); }
  Pool& pool() override { return env_.pool(); }
  Log& log() override { return log_; }
  Metrics& metrics() override { return env_.metrics(); }
  bool buggify(const char* site) override { return env_.buggify(site); }
  void fail_stop(std::string_view reason) override { env_.fail_stop(reason); }

 private:
  class Ear final : public LogSink {
   public:
    Ear(Env& env, std::shared_ptr<Trap> trap) : env_(env), trap_(std::move(trap)) {}
    void write(const LogRecord& record) override {
      if (record.area != "kill-point" || record.message != trap_->armed) return;
      trap_->armed.clear();
      trap_->sprung = true;
      env_.fail_stop(record.message);
    }

   private:
    Env& env_;
    const std::shared_ptr<Trap> trap_;
  };
  Env& env_;
  Ear ear_;
  Log log_;
};

// One client's life, and what it was told.
struct Try {
  std::string name;
  ByteVector large, small;
  bool large_stored = false, small_stored = false, ended = false;
  std::string unclear;  // an error that says nothing
};

// Errors by which a user knows what to do.
bool clear(const Error& error) {
  switch (error.code()) {
    case Code::internal:
    case Code::damaged:
    case Code::bad_message:
    case Code::not_found:
    case Code::exists:
      return false;
    default:
      return true;
  }
}

Task<Status> put(WholeClient& client, std::string name, ByteView content) {
  node::MemorySource source(content);
  node::StoreOptions options;
  options.change = client.names.change(kPatience);
  options.record_timeout = kPatience;
  auto stored = co_await client.storer.store(std::move(name), source, std::move(options));
  if (!stored.ok()) co_return stored.error();
  co_return Status();
}

Task<Result<ByteVector>> get(WholeClient& client, std::string name) {
  node::MemorySink sink;
  node::FetchOptions options;
  options.record_timeout = kPatience;
  auto fetched = co_await client.fetcher.fetch(std::move(name), sink, std::move(options));
  if (!fetched.ok()) co_return fetched.error();
  co_return sink.take();
}

Task<void> work(WholeClient& client, Try& attempt) {
  Status connected = co_await client.session.connect(kPatience);
  Status large = connected;
  if (large.ok()) large = co_await put(client, attempt.name + "-large", attempt.large);
  attempt.large_stored = large.ok();
  Status small = connected;
  if (small.ok()) small = co_await put(client, attempt.name + "-small", attempt.small);
  attempt.small_stored = small.ok();
  for (const Status& status : {large, small})
    if (!status.ok() && !clear(status.error())) attempt.unclear = status.error().to_string();
  if (attempt.large_stored) {
    // A second store of the same bytes finds them, and a fetch passes the last points.
    (void)(co_await put(client, attempt.name + "-again", attempt.large)).ok();
    auto fetched = co_await get(client, attempt.name + "-large");
    bool other = fetched.ok() && *fetched != attempt.large;
    bool unclear = !fetched.ok() && !clear(fetched.error());
    if (other) attempt.unclear = "a fetch gave other bytes";
    if (unclear) attempt.unclear = fetched.error().to_string();
  }
}

Task<void> try_once(Env& env, std::shared_ptr<Trap> trap, ClusterPlan plan, node::AccessKeyText key,
                    std::shared_ptr<Try> attempt) {
  TrappedEnv trapped(env, trap);
  WholeClient client(trapped, plan, key);
  co_await work(client, *attempt);
  co_await client.session.stop();
  attempt->ended = true;
}

Task<Status> look_at(WholeClient& client, std::string name, ByteView content, bool stored) {
  Instant until = client.env.now() + seconds(60);
  while (true) {
    auto found = co_await get(client, name);
    bool absent = found.is(Code::not_found) && !stored;
    if (absent) co_return Status();
    if (found.ok()) {
      if (!equal(*found, content)) co_return Error(Code::damaged, name + " is neither there nor absent");
      co_return Status();
    }
    bool lost = found.is(Code::not_found) || found.is(Code::damaged) || client.env.now() > until;
    if (lost) co_return found.error();
    CO_RETURN_IF_ERROR(co_await sleep_for(client.env, milliseconds(300)));
  }
}

using Seen = std::optional<Status>;

Task<void> look(Env& env, ClusterPlan plan, node::AccessKeyText key, std::shared_ptr<Try> attempt,
                std::shared_ptr<Seen> seen) {
  WholeClient client(env, plan, key);
  Status status = co_await client.session.connect(seconds(30));
  if (status.ok()) status = co_await look_at(client, attempt->name + "-large", attempt->large, attempt->large_stored);
  if (status.ok()) status = co_await look_at(client, attempt->name + "-small", attempt->small, attempt->small_stored);
  co_await client.session.stop();
  seen->emplace(std::move(status));
}

ByteVector some_bytes(Dice& dice, std::size_t size) {
  ByteVector bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice.between(0, 255));
  return bytes;
}

void end_at(Run& run, World& world, Dice& dice, const ClusterPlan& plan, const node::AccessKeyText& key,
            const std::shared_ptr<Trap>& trap, std::string_view point) {
  // Those who are killed may still name them when the world ends.
  auto attempt = std::make_shared<Try>();
  attempt->name = "/" + std::to_string(world.now().count());
  attempt->large = some_bytes(dice, 200'000);
  attempt->small = some_bytes(dice, 500);
  trap->sprung = false;
  trap->armed = std::string(point);
  Machine& machine = world.add_machine("client at " + std::string(point));
  machine.start(program(try_once, trap, plan, key, attempt));
  auto over = [&] { return attempt->ended || !machine.running(); };
  run.expect(world.run_until(over, seconds(200)), Verdict::liveness, "a client hangs after " + std::string(point));
  run.expect(trap->sprung, Verdict::liveness, "nobody passed the point: " + std::string(point));
  run.expect(attempt->unclear.empty(), Verdict::safety, std::string(point) + ": " + attempt->unclear);
  trap->armed.clear();
  world.run_for(seconds(2));
  auto seen = std::make_shared<Seen>();
  world.add_machine("reader after " + std::string(point)).start(program(look, plan, key, attempt, seen));
  world.run_until([&seen] { return seen->has_value(); }, seconds(300));
  run.expect(seen->has_value(), Verdict::liveness, "looking hangs after " + std::string(point));
  if (*seen && !(*seen)->ok())
    run.expect(false, Verdict::safety, std::string(point) + ": " + (*seen)->error().to_string());
}

void kill_points_scenario(Run& run) {
  World& world = run.make_world(WorldOptions());
  Dice dice = world.dice("kill points");
  auto trap = std::make_shared<Trap>();
  ClusterPlan plan;
  plan.nodes = 3;
  plan.topology = run.seed() % 2 == 0 ? dht::Topology::ring : dht::Topology::all_to_all;
  plan.partitions = 4;
  plan.wrap = [trap](Env& env) { return std::make_unique<TrappedEnv>(env, trap); };
  node::AccessKeyText key = start_cluster(world, plan);
  if (world.verdict() != Verdict::clean) return;
  world.run_for(seconds(5));
  std::uint64_t visited = 0;
  for (std::size_t i = run.seed() % kShares; i < node::kill_points::kAll.size(); i += kShares) {
    if (world.verdict() != Verdict::clean) return;
    end_at(run, world, dice, plan, key, trap, node::kill_points::kAll[i]);
    ++visited;
  }
  run.measure("points visited", visited);
}

const Registration registration("kill-points", "processes end at every named step of store and fetch",
                                kill_points_scenario);

}  // namespace

}  // namespace vortex::sim
