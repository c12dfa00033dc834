// A directory with very many entries, listed while others change it. VORTEX_LIST_ENTRIES=1000000 is the large one.
#include <cstdlib>

#include "tests/unit/node/file_rig.h"
#include "tests/unit/node/tree_rig.h"

using namespace vortex;
using namespace vortex::node;

namespace {

std::uint64_t entries() {
  const char* wanted = std::getenv("VORTEX_LIST_ENTRIES");
  return wanted ? std::strtoull(wanted, nullptr, 10) : 12'000;
}

std::string stays(std::uint64_t number) { return "stays-" + std::to_string(number * 2654435761 % 4294967296); }

Task<Status> fill(Tree* tree, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    ByteView none;
    auto made = co_await tree->put(kRootDirectory, stays(i), NewContent::of(none), Attributes(), Change());
    if (!made.ok()) co_return made.error();
  }
  co_return Status();
}

Task<void> change(Env& env, Tree* tree, int client, const bool* over, std::uint64_t* changes) {
  while (!*over) {
    std::string name = "comes-" + std::to_string(client) + "-" + std::to_string(env.random().below(1000));
    ByteView none;
    auto made = co_await tree->put(kRootDirectory, name, NewContent::of(none), Attributes(), Change());
    Status slept = co_await sleep_for(env, microseconds(env.random().below(500)));
    if (!slept.ok()) co_return;
    if (made.ok() && env.random().chance(0.7))
      (void)(co_await tree->unlink(kRootDirectory, std::move(name), Change())).ok();
    ++*changes;
  }
}

// Names that stay, in order, each once?
Task<Result<std::uint64_t>> walk(Env& env, Tree* tree) {
  std::uint64_t seen = 0;
  std::string after;
  while (true) {
    CO_ASSIGN_OR_RETURN(Listing listing, co_await tree->list(kRootDirectory, after, 1000, seconds(60)));
    for (const Listed& listed : listing.entries) {
      if (listed.name <= after) co_return Error(Code::failed, "out of order: " + listed.name);
      after = listed.name;
      if (listed.name.starts_with("stays")) ++seen;
    }
    if (!listing.more) co_return seen;
    Status slept = co_await sleep_for(env, microseconds(200));
    if (!slept.ok()) co_return slept.error();
  }
}

}  // namespace

TEST_CASE("a large directory splits by itself and is listed whole and in order while it changes") {
  TreeOptions options;
  if (entries() < 100'000) {
    options.parts.entries_max = 500;
    options.parts.count_one_in = 50;
  }
  TreeRig rig(options);
  REQUIRE(rig.run([&](Env&) { return fill(&rig.tree, entries()); }).ok());
  rig.world.run_for(seconds(5));
  auto parts = rig.run([&](Env&) { return rig.tree.parts().all(kRootDirectory, seconds(10)); });
  REQUIRE(parts.ok());
  EXPECT_GT(parts->size(), 8);
  bool over = false;
  std::uint64_t changes = 0;
  for (int client = 0; client < 10; ++client)
    rig.machine.spawn(change(rig.machine.env(), &rig.tree, client, &over, &changes));
  auto seen = rig.run([&](Env& env) { return walk(env, &rig.tree); });
  over = true;
  rig.world.run_for(seconds(5));
  REQUIRE(seen.ok());
  EXPECT_EQ(*seen, entries());
  EXPECT_GT(changes, 100);
}

TEST_CASE("a large directory that is emptied can be removed") {
  TreeOptions options;
  options.parts.entries_max = 20;
  options.parts.count_one_in = 5;
  TreeRig rig(options);
  REQUIRE(rig.mkdir("/d").ok());
  for (int i = 0; i < 300; ++i) REQUIRE(rig.put("/d/f" + std::to_string(i), "text").ok());
  rig.world.run_for(seconds(1));
  EXPECT(rig.rmdir("/d").is(Code::not_empty));
  RemovedTree removed;
  int rounds = 0;
  // Broken off again and again, and gone on with.
  while (!removed.done && rounds < 100) {
    auto some = rig.run([&](Env&) { return rig.names.remove_tree(rig.root, "/d", 50, Change()); });
    REQUIRE(some.ok());
    removed = *some;
    ++rounds;
  }
  EXPECT(removed.done);
  EXPECT_GT(rounds, 3);
  EXPECT(rig.stat("/d").is(Code::not_found));
  // Nothing is left of it but the root.
  AllRecords all(rig.partitions);
  std::size_t left = 0;
  while (true) {
    auto some = rig.run([&](Env&) { return all.more(); });
    REQUIRE(some.ok());
    if (some->empty()) break;
    for (const dht::Record& record : *some) left += name_in(record.key, RecordKind::entry) ? 1 : 0;
  }
  EXPECT_EQ(left, 0);
}
