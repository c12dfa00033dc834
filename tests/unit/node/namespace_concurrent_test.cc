// Many change the same names at the same time, over records that are slow, busy and in doubt.
// VORTEX_CONCURRENT_SEEDS=N tries N seeds.
#include <cstdlib>
#include <memory>

#include "tests/sim/dice.h"
#include "tests/unit/node/file_rig.h"
#include "tests/unit/node/register_history.h"
#include "tests/unit/node/tree_rig.h"

using namespace vortex;
using namespace vortex::node;

namespace {

std::uint64_t seeds() {
  const char* wanted = std::getenv("VORTEX_CONCURRENT_SEEDS");
  return wanted ? std::strtoull(wanted, nullptr, 10) : 12;
}

dht::LocalRecordsOptions troubled() {
  dht::LocalRecordsOptions options;
  options.delay_max = milliseconds(5);
  options.busy = 0.01;
  options.unknown_done = 0.02;
  options.unknown_not_done = 0.02;
  return options;
}

TreeOptions small_parts() {
  TreeOptions options;
  options.parts.entries_max = 4;
  options.parts.count_one_in = 2;
  return options;
}

// A node's view of the names, with records of its own.
struct Gate {
  Gate(Env& env, dht::LocalPartitions& partitions, dht::LocalRecordsOptions options)
      : records(env, partitions, options), tree(env, records, small_parts()), names(tree) {}
  dht::LocalRecords records;
  Tree tree;
  Namespace names;
  Caller root = Caller::root();
};

struct Stage {
  sim::World* world = nullptr;
  dht::LocalPartitions* partitions = nullptr;
  std::vector<std::vector<RegisterOperation>> histories;
  std::uint64_t done = 0, refused = 0, unknown = 0, values = 0;
};

Change named(Env& env) {
  Change change;
  env.random().fill(change.operation.emplace());
  change.timeout = milliseconds(500);
  return change;
}

bool in_doubt(const Error& error) {
  return error.is(Code::outcome_unknown) || error.is(Code::busy) || error.is(Code::timed_out);
}

Task<void> use_registers(Env& env, Stage* stage, unsigned steps) {
  Gate gate(env, *stage->partitions, troubled());
  for (unsigned i = 0; i < steps; ++i) {
    std::size_t name = env.random().below(stage->histories.size());
    std::string path = "/r" + std::to_string(name);
    RegisterOperation operation;
    operation.begun = stage->world->now().count();
    std::uint64_t kind = env.random().below(5);
    Status outcome;
    if (kind < 2) {
      operation.kind = kind == 0 ? RegisterOperation::Kind::put : RegisterOperation::Kind::put_absent;
      operation.value = ++stage->values;
      Change change = named(env);
      change.only_if.absent = kind == 1;
      std::string text = std::to_string(operation.value);
      auto put = co_await gate.names.put(gate.root, path, NewContent::of(as_bytes(text)), Attributes(), change);
      if (!put.ok()) outcome = put.error();
    } else if (kind == 2) {
      operation.kind = RegisterOperation::Kind::remove;
      outcome = co_await gate.names.unlink(gate.root, path, named(env));
    } else {
      auto file = co_await gate.names.read_small(gate.root, path, seconds(1));
      if (!file.ok() && !file.is(Code::not_found)) continue;
      if (file.ok()) operation.value = std::strtoull(std::string(as_text(file->bytes)).c_str(), nullptr, 10);
    }
    operation.ended = stage->world->now().count();
    if (!outcome.ok() && in_doubt(outcome.error())) {
      operation.known = false;
      ++stage->unknown;
    } else if (!outcome.ok()) {
      operation.refused = true;
      bool expected = outcome.is(Code::exists) || outcome.is(Code::not_found);
      if (!expected) stage->world->violation(sim::Verdict::safety, outcome.error().to_string());
      ++stage->refused;
    }
    ++stage->done;
    stage->histories[name].push_back(operation);
  }
  co_await gate.tree.stop();
}

std::string some_path(Env& env, std::uint64_t depth) {
  std::string path;
  for (std::uint64_t i = 1 + env.random().below(depth); i > 0; --i)
    path += "/" + std::string(1, static_cast<char>('a' + env.random().below(4)));
  return path;
}

// Anything at all, but files named t… are only moved, never onto something.
Task<void> make_trouble(Env& env, Stage* stage, unsigned steps, std::size_t tokens) {
  Gate gate(env, *stage->partitions, troubled());
  Attributes attributes;
  for (unsigned i = 0; i < steps; ++i) {
    Status outcome;
    Change change = named(env);
    std::string path = some_path(env, 3), other = some_path(env, 3);
    switch (env.random().below(9)) {
      case 0: {
        auto made = co_await gate.names.mkdir(gate.root, path, attributes, change);
        if (!made.ok()) outcome = made.error();
        break;
      }
      case 1:
        outcome = co_await gate.names.rmdir(gate.root, path, change);
        break;
      case 2: {
        auto put = co_await gate.names.put(gate.root, path, NewContent::of(as_bytes(path)), attributes, change);
        if (!put.ok()) outcome = put.error();
        break;
      }
      case 3: {
        auto linked = co_await gate.names.link(gate.root, path, other, change);
        if (!linked.ok()) outcome = linked.error();
        break;
      }
      case 4:
        outcome = co_await gate.names.unlink(gate.root, path, change);
        break;
      case 5:
      case 6:
        outcome = co_await gate.names.rename(gate.root, path, other, RenameOptions(), change);
        break;
      default: {
        std::string token = "/t" + std::to_string(env.random().below(tokens));
        RenameOptions options;
        options.no_replace = true;
        std::string from = token, to = token;
        if (env.random().chance(0.7)) from = some_path(env, 2) + token;
        if (env.random().chance(0.7)) to = some_path(env, 2) + token;
        outcome = co_await gate.names.rename(gate.root, from, to, options, change);
      }
    }
    if (outcome.is(Code::damaged) || outcome.is(Code::internal))
      stage->world->violation(sim::Verdict::safety, outcome.error().to_string());
    if (outcome.is(Code::cancelled)) break;
    ++(outcome.ok() ? stage->done : stage->refused);
  }
  co_await gate.tree.stop();
}

Task<Status> count_tokens(Namespace* names, std::string path, std::map<std::string, int>* found) {
  std::string after;
  Caller root = Caller::root();
  if (path.empty()) path = "/";
  std::string above = path;
  if (above == "/") above.clear();
  while (true) {
    CO_ASSIGN_OR_RETURN(Listing listing, co_await names->list(root, path, after, 3, seconds(5)));
    for (const Listed& listed : listing.entries) {
      if (listed.name[0] == 't') ++(*found)[listed.name];
      if (listed.entry.kind == EntryKind::directory)
        CO_RETURN_IF_ERROR(co_await count_tokens(names, above + "/" + listed.name, found));
    }
    if (!listing.more) co_return Status();
    after = listing.entries.back().name;
  }
}

class NoNodes final : public chunker::NodeSource {
 public:
  Task<Result<ByteVector>> load(ChunkId) override { co_return Code::not_found; }
};

}  // namespace

TEST_CASE("what many do to the same names could have happened one after the other") {
  std::uint64_t unknown = 0;
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    CAPTURE(seed);
    TreeRig rig(small_parts(), seed);
    Stage stage;
    stage.world = &rig.world;
    stage.partitions = &rig.partitions;
    stage.histories.resize(4);
    for (int client = 0; client < 5; ++client) rig.machine.spawn(use_registers(rig.machine.env(), &stage, 30));
    rig.world.run_for(seconds(120));
    EXPECT(rig.world.violations().empty());
    for (auto& history : stage.histories) {
      if (history.size() > 64) history.resize(64);
      EXPECT(RegisterHistory(history).linearizable());
    }
    unknown += stage.unknown;
  }
  CAPTURE(unknown);
}

TEST_CASE("a history that cannot have happened one after the other is found out") {
  using Kind = RegisterOperation::Kind;
  std::vector<RegisterOperation> history;
  auto add = [&history](Kind kind, std::uint64_t value, std::int64_t begun, std::int64_t ended) {
    RegisterOperation operation;
    operation.kind = kind;
    operation.value = value;
    operation.begun = begun;
    operation.ended = ended;
    history.push_back(operation);
  };
  add(Kind::put, 1, 0, 10);
  add(Kind::put, 2, 20, 30);
  add(Kind::read, 2, 40, 50);
  EXPECT(RegisterHistory(history).linearizable());
  add(Kind::read, 1, 60, 70);
  EXPECT(!RegisterHistory(history).linearizable());
}

TEST_CASE("after any trouble every entry is there once, and every count is right") {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    CAPTURE(seed);
    TreeRig rig(small_parts(), seed);
    const std::size_t tokens = 12;
    for (std::size_t i = 0; i < tokens; ++i) REQUIRE(rig.put("/t" + std::to_string(i), std::to_string(i)).ok());
    Stage stage;
    stage.world = &rig.world;
    stage.partitions = &rig.partitions;
    for (int client = 0; client < 6; ++client) rig.machine.spawn(make_trouble(rig.machine.env(), &stage, 150, tokens));
    rig.world.run_for(seconds(600));
    EXPECT(rig.world.violations().empty());
    EXPECT_GT(stage.done, 30);
    std::map<std::string, int> found;
    REQUIRE(rig.run([&](Env&) { return count_tokens(&rig.names, "", &found); }).ok());
    EXPECT_EQ(found.size(), tokens);
    for (const auto& [token, times] : found) {
      CAPTURE(token);
      EXPECT_EQ(times, 1);
    }
    NoNodes none;
    Audit audit(rig.machine.env(), none);
    AllRecords all(rig.partitions);
    auto report = rig.run([&](Env&) { return audit.run(all); });
    REQUIRE(report.ok());
    std::string text;
    for (const std::string& finding : report->findings) text += finding + "\n";
    EXPECT_EQ(text, "");
    EXPECT_GT(report->directories, 1);
  }
}
