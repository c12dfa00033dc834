// Whatever happens to nodes and disks, the cluster comes back to order by itself: every chunk has its copies exactly
// where they belong, every disk holds exactly what the records say, and nothing that was deleted or given up takes
// room. Meanwhile a client stores, fetches and deletes.
#include <algorithm>
#include <set>

#include "base/hash.h"
#include "node/namespace/audit.h"
#include "tests/scenarios/heal_node.h"
#include "tests/scenarios/killed_at_end.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr Duration kPatience = seconds(10);

struct Shape {
  std::size_t nodes_min = 4, nodes_max = 6;  // at the beginning
  std::size_t members_max = 8;               // at any time
  std::size_t ever = 12;
  std::size_t customers = 1;
  std::uint32_t partitions = 8;
  int rounds = 14;
  Duration order_within = seconds(240);
};

struct Kept {
  Id content;
  std::size_t size = 0;
};
struct Shelf {
  std::map<std::string, Kept> files;
  std::uint64_t next = 0, stored = 0, failed = 0, fetched = 0, removed = 0;
};

ByteVector some_content(Random& random) {
  ByteVector content(static_cast<std::size_t>(random.below(120'000)));
  random.fill(content);
  return content;
}

Task<Status> put_on(Env& env, ClientEnd& client, Shelf& shelf) {
  std::string name = "/f" + std::to_string(shelf.next++);
  ByteVector content = some_content(env.random());
  node::MemorySource source(content);
  node::StoreOptions options;
  options.send.slow_after = milliseconds(500);
  options.send.put_timeout = seconds(3);
  options.send.sync_timeout = seconds(5);
  auto stored = co_await client.storer.store(name, source, options);
  ++(stored.ok() ? shelf.stored : shelf.failed);
  if (!stored.ok()) co_return stored.error();
  Kept kept;
  kept.content = sha256(content);
  kept.size = content.size();
  shelf.files[name] = kept;
  co_return Status();
}

Task<Status> take_down(Env& env, ClientEnd& client, Shelf& shelf, std::string name) {
  // Whether it worked or not: what becomes of it then is not looked at any more.
  shelf.files.erase(name);
  net::RemoveFileRequest request;
  request.path = std::move(name);
  env.random().fill(request.terms.operation.emplace());
  auto removed = co_await client.files.call<net::RemoveFile>(std::move(request), true, kPatience);
  if (!removed.ok()) co_return removed.error();
  ++shelf.removed;
  co_return Status();
}

Task<Status> read_one(World* world, ClientEnd& client, Shelf& shelf, std::string name, Kept kept) {
  node::MemorySink sink;
  node::FetchOptions options;
  options.read.get_timeout = seconds(3);
  auto fetched = co_await client.fetcher.fetch(name, sink, options);
  if (!fetched.ok()) {
    // Somebody else may be taking it down just now.
    if (fetched.is(Code::not_found) && shelf.files.contains(name))
      world->violation(Verdict::safety, name + " was acknowledged and is not there");
    co_return fetched.error();
  }
  ++shelf.fetched;
  ByteVector content = sink.take();
  if (content.size() != kept.size || sha256(content) != kept.content)
    world->violation(Verdict::safety, name + " comes back as something else");
  co_return Status();
}

Task<void> customer(Env& env, World* world, Roster* roster, Shelf* shelf, std::size_t number) {
  RosterView view(*roster);
  ClientEnd end(env, roster->facts(), number, &view);
  Status done;
  while (!done.is(Code::cancelled)) {
    std::uint64_t what = env.random().below(10);
    if (what < 5 || shelf->files.empty()) {
      done = co_await put_on(env, end, *shelf);
    } else {
      auto chosen = shelf->files.begin();
      std::advance(chosen, static_cast<std::ptrdiff_t>(env.random().below(shelf->files.size())));
      auto [name, kept] = *chosen;
      if (what < 8) {
        done = co_await read_one(world, end, *shelf, name, kept);
      } else {
        done = co_await take_down(env, end, *shelf, name);
      }
    }
    if (done.is(Code::cancelled)) break;
    done = co_await sleep_for(env, milliseconds(env.random().below(300)));
  }
  co_await end.stop();
}

// The whole picture, seen from outside: every record beside every disk.
class Inspector {
 public:
  Inspector(World& world, Roster& roster) : world_(world), roster_(roster) {}

  // What is not in order yet; empty when everything is.
  std::string complaint() {
    gather();
    std::string unsettled = settled();
    if (!unsettled.empty()) return unsettled;
    for (const auto& [chunk, record] : chunks_) {
      std::string wrong = misfit(chunk, record);
      if (!wrong.empty()) return "chunk " + chunk.short_hex() + ": " + wrong;
    }
    for (std::size_t number : roster_.members()) {
      node::ChunkStore* store = store_of(number);
      if (store == nullptr) return "node " + std::to_string(number) + " is not open";
      for (const ChunkId& chunk : store->list(std::nullopt, SIZE_MAX)) {
        auto record = chunks_.find(chunk);
        if (record == chunks_.end() || !node::holder_of(record->second, roster_.id(number)))
          return "node " + std::to_string(number) + " holds chunk " + chunk.short_hex() + " and no record says so";
      }
    }
    return "";
  }
  // Would every chunk that somebody needs have copies enough without this node?
  bool can_spare(std::size_t number) {
    gather();
    for (const auto& [chunk, record] : chunks_) {
      if (!referred_.contains(chunk)) continue;
      std::size_t others = 0;
      for (const node::Holder& holder : record.holders) {
        node::ChunkStore* store = store_of(holder.node);
        bool there = store != nullptr && store->has(chunk) && holder.node != roster_.id(number);
        others += there ? 1 : 0;
      }
      if (others < 2) return false;
    }
    return true;
  }
  std::size_t chunks() const { return chunks_.size(); }
  node::ChunkStore* store_of(std::size_t number) {
    Machine* machine = world_.find_machine("m" + std::to_string(number));
    if (machine == nullptr || !machine->running()) return nullptr;
    auto* program = dynamic_cast<HealNode*>(machine->program());
    return program ? program->store() : nullptr;
  }

 private:
  node::ChunkStore* store_of(const NodeId& node) {
    for (std::size_t number : roster_.members())
      if (roster_.id(number) == node) return store_of(number);
    return nullptr;
  }

  void gather() {
    chunks_.clear();
    referred_.clear();
    left_.clear();
    dht::LocalPartitions& partitions = *roster_.facts().partitions;
    auto take = [this](const dht::PackedRecord& record) {
      dht::Key key = record.key().copy();
      if (node::name_in(key, node::RecordKind::header)) {
        auto chunk = node::chunk_record_in(key.place, record.value());
        if (chunk) chunks_[key.place] = std::move(*chunk);
      }
      if (node::name_in(key, node::RecordKind::reference)) {
        referred_.insert(key.place);
        auto reference = node::decode_record<node::Reference>(record.value());
        if (!reference.ok() || !reference->confirmed) left_ = "a reference is pending";
      }
      if (node::name_in(key, node::RecordKind::upload)) left_ = "an upload is not settled";
      if (node::name_in(key, node::RecordKind::release)) left_ = "a release is not settled";
      return true;
    };
    dht::Key first;
    for (dht::PartitionNumber partition = 0; partition < partitions.count(); ++partition)
      partitions.partition(partition).records().visit(first, take);
  }
  std::string settled() const { return left_; }

  std::string misfit(const ChunkId& chunk, const node::ChunkRecord& record) {
    if (!referred_.contains(chunk)) return "nobody refers to it";
    if (record.condemned != 0) return "it is condemned and somebody refers to it";
    if (!record.drops.empty()) return "copies are to be erased";
    std::vector<NodeId> owners = roster_.ring().owners(chunk, record.replicas), holders;
    for (const node::Holder& holder : record.holders) holders.push_back(holder.node);
    std::sort(owners.begin(), owners.end());
    if (owners != holders)
      return std::to_string(holders.size()) + " holders, which are not its " + std::to_string(owners.size()) +
             " owners";
    for (const NodeId& holder : holders) {
      node::ChunkStore* store = store_of(holder);
      if (store == nullptr || !store->has(chunk)) return "a holder does not have it";
    }
    return "";
  }

  World& world_;
  Roster& roster_;
  std::map<ChunkId, node::ChunkRecord> chunks_;
  std::set<ChunkId> referred_;
  std::string left_;
};

// What operators and fate do to whole nodes, one thing at a time.
class Fate {
 public:
  Fate(World& world, Roster& roster, Inspector& inspector, const Shape& shape)
      : world_(world), roster_(roster), inspector_(inspector), shape_(shape), dice_(world.dice("fate")) {}

  void start_node(std::size_t number) {
    Machine& machine = world_.add_machine("m" + std::to_string(number));
    roster_.join(number);
    machine.keep_running(milliseconds(300));
    Roster* roster = &roster_;
    machine.start([roster, number](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<HealNode>(env, *roster, number);
    });
    next_ = std::max(next_, number + 1);
  }

  void act() {
    bring_back();
    std::vector<std::size_t> members = roster_.members();
    std::size_t victim = members[dice_.below(members.size())];
    switch (dice_.below(5)) {
      case 0:
        if (next_ <= shape_.ever && members.size() < shape_.members_max) start_node(next_);
        break;
      case 1:
        // Away for long: its place is given to others, and then it returns with all that it had.
        if (away_ == 0 && members.size() > 4) {
          away_ = victim;
          machine(victim).keep_running(std::chrono::hours(10));
          machine(victim).kill();
          back_at_ = world_.now() + seconds(dice_.between(3, 25));
        }
        break;
      case 2:
        lose(victim, members.size());
        break;
      case 3:
        if (draining_ == 0 && members.size() > 5 && victim != away_) {
          draining_ = victim;
          roster_.drain(victim);
        }
        break;
      default:
        forget_copy(victim);
    }
    let_go();
  }
  void bring_back(bool now = false) {
    if (away_ == 0 || (world_.now() < back_at_ && !now)) return;
    machine(away_).keep_running(milliseconds(300));
    if (!machine(away_).running()) machine(away_).start();
    away_ = 0;
  }
  // A node that is empty may leave.
  void let_go() {
    if (draining_ == 0) return;
    node::ChunkStore* store = inspector_.store_of(draining_);
    if (store == nullptr || store->stats().values > 0) return;
    roster_.leave(draining_);
    machine(draining_).keep_running(std::chrono::hours(10));
    machine(draining_).kill();
    draining_ = 0;
    ++drained;
  }
  bool drains() const { return draining_ != 0; }

  std::uint64_t lost = 0, drained = 0, forgotten = 0;

 private:
  Machine& machine(std::size_t number) { return *world_.find_machine("m" + std::to_string(number)); }

  // A disk is gone for good, and somebody puts a new node in its place.
  void lose(std::size_t victim, std::size_t members) {
    bool possible = next_ <= shape_.ever && members > 3 && away_ == 0 && victim != draining_;
    if (!possible || !inspector_.can_spare(victim)) return;
    machine(victim).keep_running(std::chrono::hours(10));
    machine(victim).kill();
    roster_.leave(victim);
    start_node(next_);
    ++lost;
  }

  // A copy vanishes behind everybody's back.
  void forget_copy(std::size_t victim) {
    node::ChunkStore* store = inspector_.store_of(victim);
    if (store == nullptr || away_ != 0 || !inspector_.can_spare(victim)) return;
    std::vector<ChunkId> held = store->list(std::nullopt, SIZE_MAX);
    if (held.empty()) return;
    auto erase = [](node::ChunkStore* from, ChunkId chunk) -> Task<void> {
      (void)(co_await from->erase(chunk, node::CopyNumber(from->epoch(), node::CopyNumber::kSequenceMax))).ok();
    };
    machine(victim).spawn(erase(store, held[dice_.below(held.size())]));
    ++forgotten;
  }

  World& world_;
  Roster& roster_;
  Inspector& inspector_;
  const Shape& shape_;
  Dice dice_;
  std::size_t next_ = 1, away_ = 0, draining_ = 0;
  Duration back_at_{0};
};

Task<void> read_all(Env& env, World* world, Roster* roster, Shelf* shelf, std::size_t number,
                    std::optional<std::string>* trouble) {
  RosterView view(*roster);
  ClientEnd end(env, roster->facts(), number, &view);
  std::string first;
  for (const auto& [name, kept] : shelf->files) {
    const Instant patience = env.now() + seconds(30);
    Status read;
    do {
      read = co_await read_one(world, end, *shelf, name, kept);
      if (!read.ok()) (void)(co_await sleep_for(env, milliseconds(100))).ok();
    } while (!read.ok() && env.now() < patience);
    if (!read.ok() && first.empty()) first = name + ": " + read.error().to_string();
  }
  co_await end.stop();
  trouble->emplace(first);
}

ClusterFacts facts_of(std::uint64_t seed, const Shape& shape, dht::LocalPartitions& partitions) {
  ClusterFacts facts;
  facts.seed = seed;
  facts.nodes = shape.ever;
  facts.partitions = &partitions;
  facts.records.delay_max = milliseconds(3);
  facts.records.busy = 0.01;
  facts.records.unknown_done = 0.01;
  facts.records.unknown_not_done = 0.01;
  return facts;
}

// Everybody may be killed at any time; whole nodes go only by fate.
void crash_one(World& world, Roster& roster, Dice& dice) {
  std::vector<std::size_t> members = roster.members();
  Machine& machine = *world.find_machine("m" + std::to_string(members[dice.below(members.size())]));
  if (!machine.running()) return;
  dice.one_in(2) ? machine.power_cut() : machine.kill();
  machine.start();
}

void heals(Run& run, const Shape& shape) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.buggify_sites = 0.2;
  World& world = run.make_world(options);
  Dice dice = world.dice("heals");
  dht::LocalPartitions partitions(shape.partitions);
  ClusterFacts facts = facts_of(run.seed(), shape, partitions);
  node::FilePolicy policy;
  policy.chunks.cut = chunker::CutPolicy::fixed(32 * kKiB);
  policy.inline_max = 1 * kKiB;
  make_root(world, world.add_machine("founder"), partitions, policy);
  Roster roster(facts);
  Inspector inspector(world, roster);
  Fate fate(world, roster, inspector, shape);
  Shelf shelf;
  std::optional<std::string> trouble;
  KilledAtEnd ending(world);
  const std::size_t nodes = dice.between(shape.nodes_min, shape.nodes_max);
  NemesisOptions nemesis;
  for (std::size_t number = 1; number <= nodes; ++number) {
    fate.start_node(number);
    nemesis.machines.push_back("m" + std::to_string(number));
  }
  world.every(milliseconds(200), [&] { roster.look(world); });
  for (std::size_t i = 1; i <= shape.customers; ++i)
    world.add_machine("client" + std::to_string(i)).start(program(customer, &world, &roster, &shelf, shape.ever + i));
  world.run_for(seconds(5));
  // Whole nodes come and go by fate alone: what the nemesis starts again might be one that is gone for good.
  nemesis.kill = nemesis.power_cut = nemesis.stop = nemesis.restart = 0;
  run.unleash(nemesis);
  for (int round = 0; round < shape.rounds && world.verdict() == Verdict::clean; ++round) {
    world.run_for(seconds(4));
    if (dice.one_in(2)) crash_one(world, roster, dice);
    fate.act();
  }
  run.calm();
  for (std::size_t i = 1; i <= shape.customers; ++i) world.find_machine("client" + std::to_string(i))->kill();
  fate.bring_back(true);
  run.measure("stored", shelf.stored);
  run.measure("removed", shelf.removed);
  run.measure("failed", shelf.failed);
  run.measure("disks lost", fate.lost);
  run.measure("nodes drained", fate.drained);
  run.measure("copies vanished", fate.forgotten);
  run.expect(shelf.stored >= 5, Verdict::liveness, "hardly anything could be stored");
  if (world.verdict() != Verdict::clean) return;

  std::string complaint = "nothing was looked at";
  Duration began = world.now();
  while (!complaint.empty() && world.now() - began < shape.order_within && world.verdict() == Verdict::clean) {
    world.run_for(seconds(2));
    fate.let_go();
    complaint = inspector.complaint();
    if (complaint.empty() && fate.drains()) complaint = "a node still drains";
  }
  run.measure("seconds to order", static_cast<std::uint64_t>(to_seconds(world.now() - began)));
  run.measure("chunks", inspector.chunks());
  if (!run.expect(complaint.empty(), Verdict::liveness, "not in order: " + complaint)) return;
  world.add_machine("reader").start(
      program(read_all, &world, &roster, &shelf, shape.ever + shape.customers + 1, &trouble));
  world.run_until([&trouble] { return trouble.has_value(); }, seconds(300));
  run.expect(trouble && trouble->empty(), Verdict::safety, trouble ? *trouble : "reading everything took too long");
}

// So much on each node, whatever their number; one is gone for good. How long until every chunk has its copies again?
constexpr std::size_t kFilesPerNode = 12;
constexpr std::size_t kFileBytes = 1 << 20;

Task<void> fill(Env& env, Roster* roster, std::size_t files, bool* filled) {
  RosterView view(*roster);
  ClientEnd end(env, roster->facts(), roster->facts().nodes + 1, &view);
  for (std::size_t i = 0; i < files; ++i) {
    ByteVector content(kFileBytes);
    env.random().fill(content);
    node::MemorySource source(content);
    node::StoreOptions options;
    auto stored = co_await end.storer.store("/f" + std::to_string(i), source, options);
    CHECK_MSG(stored.ok() || stored.is(Code::cancelled), "a file cannot be stored");
    if (!stored.ok()) break;
  }
  co_await end.stop();
  *filled = true;
}

void one_of(Run& run, std::size_t nodes) {
  WorldOptions options;
  options.log_level = LogLevel::error;
  options.drive.bytes_per_second = 40'000'000;
  options.network.bytes_per_second = 100'000'000;
  World& world = run.make_world(options);
  Shape shape;
  shape.ever = nodes;
  dht::LocalPartitions partitions(64);
  ClusterFacts facts = facts_of(run.seed(), shape, partitions);
  facts.records.busy = facts.records.unknown_done = facts.records.unknown_not_done = 0;
  node::FilePolicy policy;
  policy.chunks.cut = chunker::CutPolicy::fixed(256 * kKiB);
  make_root(world, world.add_machine("founder"), partitions, policy);
  Roster roster(facts);
  Inspector inspector(world, roster);
  Fate fate(world, roster, inspector, shape);
  KilledAtEnd ending(world);
  for (std::size_t number = 1; number <= nodes; ++number) fate.start_node(number);
  world.every(milliseconds(100), [&] { roster.look(world); });
  bool filled = false;
  world.add_machine("client").start(program(fill, &roster, nodes * kFilesPerNode, &filled));
  auto in_order = [&](Duration within) {
    const Duration began = world.now();
    while (!inspector.complaint().empty() && world.now() - began < within) world.run_for(milliseconds(50));
    return world.now() - began;
  };
  world.run_until([&filled] { return filled; }, seconds(600));
  run.expect(filled, Verdict::liveness, "the cluster could not be filled");
  in_order(seconds(120));
  const std::uint64_t held = inspector.store_of(1)->stats().live_bytes;
  world.find_machine("m1")->keep_running(std::chrono::hours(10));
  world.find_machine("m1")->kill();
  roster.leave(1);
  Duration took = in_order(seconds(120));
  run.expect(inspector.complaint().empty(), Verdict::liveness, "not in order: " + inspector.complaint());
  run.measure("KiB that it held", held / kKiB);
  run.measure("ms to full redundancy", static_cast<std::uint64_t>(to_ms(took)));
}

Shape small() { return Shape(); }
Shape dozen() {
  Shape shape;
  shape.nodes_min = shape.nodes_max = 12;
  shape.members_max = 16;
  shape.ever = 30;
  shape.customers = 6;
  shape.partitions = 32;
  shape.rounds = 20;
  return shape;
}
Shape fifty() {
  Shape shape = dozen();
  shape.nodes_min = shape.nodes_max = 50;
  shape.members_max = 60;
  shape.ever = 90;
  shape.customers = 24;
  shape.partitions = 128;
  shape.rounds = 40;
  shape.order_within = seconds(600);
  return shape;
}

const Registration dozen_nodes("heals-dozen", "the same with 12 nodes, six clients and some hundred chunks",
                               [](Run& run) { heals(run, dozen()); });
const Registration fifty_nodes(
    "heals-fifty", "the same with 50 nodes, 24 clients and thousands of chunks", [](Run& run) { heals(run, fifty()); },
    Kind::figure);
const Registration of_five(
    "heal-time-5", "one of 5 equally full nodes is gone: how long until all copies are there?",
    [](Run& run) { one_of(run, 5); }, Kind::figure);
const Registration of_ten(
    "heal-time-10", "the same of 10", [](Run& run) { one_of(run, 10); }, Kind::figure);
const Registration of_twenty(
    "heal-time-20", "the same of 20", [](Run& run) { one_of(run, 20); }, Kind::figure);
const Registration registration("heals", "after any loss every chunk comes back to where it belongs, and nothing leaks",
                                [](Run& run) { heals(run, small()); });

}  // namespace

}  // namespace vortex::sim
