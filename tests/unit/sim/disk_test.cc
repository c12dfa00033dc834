#include <algorithm>
#include <set>

#include "base/task_group.h"
#include "tests/sim/drive.h"
#include "tests/unit/sim/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

namespace {

constexpr std::size_t kSector = 512;

// What is found in "f" after a power cut at the end of `body`, over many seeds.
template <class Body>
std::set<std::string> found_after_power_cuts(Body body, int seeds = 60) {
  std::set<std::string> found;
  for (int seed = 1; seed <= seeds; ++seed) {
    World world(static_cast<std::uint64_t>(seed));
    Machine& machine = world.add_machine();
    Status done = world.run(machine, body);
    REQUIRE(done.ok());
    machine.power_cut();
    EXPECT(!machine.running());
    auto text = content(world, machine, "f");
    found.insert(text.ok() ? *text : text.error().to_string());
  }
  return found;
}

Task<Status> put_synced_name_only(Env& env) { return put(env, "f", "fresh", false, true); }
Task<Status> put_synced(Env& env) { return put(env, "f", "fresh", true, true); }
Task<Status> put_unnamed(Env& env) { return put(env, "f", "fresh", true, false); }

Task<Status> overwrite_two_sectors(Env& env) {
  CO_RETURN_IF_ERROR(co_await put(env, "f", std::string(2 * kSector, 'a'), true, true));
  co_return co_await put(env, "f", std::string(2 * kSector, 'b'), false, false);
}

Task<Status> write_during_sync(Env& env) {
  CO_RETURN_IF_ERROR(co_await put(env, "f", std::string(kSector, 'a'), true, true));
  OpenOptions options;
  CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("f", options));
  CO_RETURN_IF_ERROR(co_await write_text(file.get(), 0, std::string(kSector, 'b')));
  auto sync = [](File* it, bool* synced) -> Task<void> {
    Status status = co_await it->sync();
    *synced = status.ok();
  };
  bool synced = false;
  TaskGroup group(env.loop());
  group.spawn(sync(file.get(), &synced));
  // The write is quicker than the sync that began before it.
  Status written = co_await write_text(file.get(), 0, std::string(kSector, 'c'));
  co_await group.join();
  CHECK(synced && written.ok());
  co_return Status();
}

Task<Status> replace_without_syncing_the_directory(Env& env) {
  CO_RETURN_IF_ERROR(co_await put(env, "f", "old", true, true));
  CO_RETURN_IF_ERROR(co_await put(env, "new", "new", true, true));
  co_return co_await env.disk().rename("new", "f");
}

Task<Status> replace_properly(Env& env) {
  auto first = to_vector(as_bytes("old"));
  CO_RETURN_IF_ERROR(co_await replace_file(env.disk(), "f", first));
  auto second = to_vector(as_bytes("new"));
  co_return co_await replace_file(env.disk(), "f", second);
}

Task<Status> fill(Env& env, std::size_t bytes) { return put(env, "big", std::string(bytes, 'x'), true, true); }

Task<Result<std::uint64_t>> available(Env& env) {
  CO_ASSIGN_OR_RETURN(auto space, co_await env.disk().space("."));
  co_return space.available;
}

Task<Status> lock_and_hold(Env& env, std::unique_ptr<FileLock>* into) {
  CO_ASSIGN_OR_RETURN(*into, co_await env.disk().lock("LOCK"));
  co_return Status();
}

}  // namespace

TEST_CASE("what is written can be read, also behind holes, cuts and growth") {
  World world(1);
  Machine& machine = world.add_machine();
  auto body = [](Env& env) -> Task<Status> {
    OpenOptions options;
    options.create = true;
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("f", options));
    CO_RETURN_IF_ERROR(co_await write_text(file.get(), 10'000, std::string(10'000, 'x')));
    CO_RETURN_IF_ERROR(co_await file->punch_hole(12'000, 5'000));
    CO_RETURN_IF_ERROR(co_await file->truncate(19'000));
    CO_RETURN_IF_ERROR(co_await file->allocate(0, 30'000));
    CO_RETURN_IF_ERROR(co_await file->sync());
    co_return co_await env.disk().sync_directory(".");
  };
  REQUIRE(world.run(machine, body).ok());
  std::string expected = std::string(10'000, '\0') + std::string(2'000, 'x') + std::string(5'000, '\0') +
                         std::string(2'000, 'x') + std::string(11'000, '\0');
  EXPECT(*content(world, machine, "f") == expected);
  machine.power_cut();
  EXPECT(*content(world, machine, "f") == expected);
}

TEST_CASE("a power cut takes or leaves what was not synced, and leaves what was") {
  auto synced = found_after_power_cuts(put_synced);
  EXPECT(synced == std::set<std::string>{"fresh"});
  auto unsynced = found_after_power_cuts(put_synced_name_only);
  EXPECT(unsynced.contains("fresh"));
  EXPECT(unsynced.contains(""));
}

TEST_CASE("a power cut leaves any mixture of old and new sectors, but nothing else") {
  auto found = found_after_power_cuts(overwrite_two_sectors);
  std::string a(kSector, 'a'), b(kSector, 'b');
  EXPECT(found == std::set<std::string>{a + a, a + b, b + a, b + b});
}

TEST_CASE("with sectors of 4096 bytes a page survives as a whole or not at all") {
  std::set<std::string> found;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    World world(seed);
    DriveOptions options;
    options.sector = 4096;
    Machine& machine = world.add_machine("m", options);
    REQUIRE(world.run(machine, overwrite_two_sectors).ok());
    machine.power_cut();
    found.insert(*content(world, machine, "f"));
  }
  EXPECT(found == std::set<std::string>{std::string(2 * kSector, 'a'), std::string(2 * kSector, 'b')});
}

TEST_CASE("a sync covers what was written before it began, not what was written meanwhile") {
  auto found = found_after_power_cuts(write_during_sync);
  EXPECT(found == std::set<std::string>{std::string(kSector, 'b'), std::string(kSector, 'c')});
}

TEST_CASE("a new name is durable only after the directory was synced") {
  auto found = found_after_power_cuts(put_unnamed);
  EXPECT(found == std::set<std::string>{"fresh", "not_found: f"});
}

TEST_CASE("a rename that was not synced happened or did not, and is never half done") {
  auto found = found_after_power_cuts(replace_without_syncing_the_directory);
  EXPECT(found == std::set<std::string>{"old", "new"});
  EXPECT(found_after_power_cuts(replace_properly) == std::set<std::string>{"new"});
}

TEST_CASE("unsynced changes of names survive a power cut in any order that fits together") {
  std::set<std::vector<std::string>> found;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    World world(seed);
    Machine& machine = world.add_machine();
    for (const char* name : {"a", "b"}) REQUIRE(world.run(machine, put, name, "", true, false).ok());
    machine.power_cut();
    found.insert(*world.run(machine, names, "."));
  }
  EXPECT(found == std::set<std::vector<std::string>>{{}, {"a"}, {"b"}, {"a", "b"}});
}

TEST_CASE("a killed process leaves everything it wrote") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    Machine& machine = world.add_machine();
    REQUIRE(world.run(machine, put, "f", "kept", false, false).ok());
    machine.kill();
    EXPECT_EQ(*content(world, machine, "f"), "kept");
  }
}

TEST_CASE("the nth disk call can be made to fail, kill or cut the power, for every n") {
  std::uint64_t calls = 0;
  {
    World world(1);
    Machine& machine = world.add_machine();
    REQUIRE(world.run(machine, replace_properly).ok());
    calls = machine.drive().calls();
  }
  CHECK(calls > 8);
  for (DiskEffect effect : {DiskEffect::io_error, DiskEffect::no_space, DiskEffect::kill, DiskEffect::power_cut}) {
    for (std::uint64_t call = 0; call < calls; ++call) {
      World world(1);
      Machine& machine = world.add_machine();
      machine.drive().fail_call(call, effect);
      Status done = world.run(machine, replace_properly);
      EXPECT_EQ(machine.drive().calls() >= call, true);
      bool dies = effect == DiskEffect::kill || effect == DiskEffect::power_cut;
      if (dies) EXPECT(done.is(Code::cancelled));
      EXPECT_EQ(machine.running(), !dies);
      auto text = content(world, machine, "f");
      // Old or new, whole, or not there yet.
      if (text.ok()) EXPECT((*text == "old" || *text == "new"));
      if (done.ok()) EXPECT_EQ(*text, "new");
    }
  }
}

TEST_CASE("errors can be given to one kind of call on one file") {
  World world(1);
  Machine& machine = world.add_machine();
  DiskFault fault;
  fault.op = DiskOp::sync;
  fault.path = "bad";
  fault.count = 2;
  machine.drive().fail(fault);
  EXPECT(world.run(machine, put, "good", "x", true, true).ok());
  EXPECT(world.run(machine, put, "bad", "x", true, true).is(Code::io_error));
  EXPECT(world.run(machine, put, "bad", "x", true, true).is(Code::io_error));
  EXPECT(world.run(machine, put, "bad", "x", true, true).ok());
}

TEST_CASE("what a failed sync dropped stays readable, and no later sync brings it to the disk") {
  std::set<std::string> found;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    World world(seed);
    Machine& machine = world.add_machine();
    REQUIRE(world.run(machine, put, "f", "old", true, true).ok());
    machine.drive().fail(DiskFault{DiskEffect::io_error, DiskOp::sync, "", 0, 1});
    EXPECT(world.run(machine, put, "f", "new", true, false).is(Code::io_error));
    EXPECT_EQ(*content(world, machine, "f"), "new");
    auto sync_again = [](Env& env) -> Task<Status> {
      CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("f", OpenOptions()));
      co_return co_await file->sync();
    };
    REQUIRE(world.run(machine, sync_again).ok());
    machine.power_cut();
    found.insert(*content(world, machine, "f"));
  }
  EXPECT(found == std::set<std::string>{"old", "new"});
}

TEST_CASE("chances of errors and of flipped bits in reads bite") {
  World world(5);
  DriveOptions options;
  options.write_errors = 0.3;
  options.read_flips = 0.3;
  Machine& machine = world.add_machine("m", options);
  int failed = 0, flipped = 0;
  for (int i = 0; i < 100; ++i) {
    if (!world.run(machine, put, "f", "content", true, true).ok()) {
      ++failed;
      continue;
    }
    auto text = content(world, machine, "f");
    if (*text != "content") ++flipped;
  }
  EXPECT(failed > 10);
  EXPECT(failed < 60);
  EXPECT(flipped > 5);
}

TEST_CASE("bits flip at rest where it was asked for, and stay so") {
  World world(1);
  Machine& machine = world.add_machine();
  REQUIRE(world.run(machine, put, "f", "abc", true, true).ok());
  REQUIRE(machine.drive().flip_bit("f", 1, 0).ok());
  EXPECT_EQ(*content(world, machine, "f"), "acc");
  machine.power_cut();
  EXPECT_EQ(*content(world, machine, "f"), "acc");
  EXPECT_EQ(machine.drive().flip_bits(3), 3);
  EXPECT_NE(*content(world, machine, "f"), "acc");
  EXPECT(!machine.drive().flip_bit("absent", 0, 0).ok());
}

TEST_CASE("a full disk refuses writes and goes on reading and removing") {
  World world(1);
  DriveOptions options;
  options.capacity = 1 << 20;
  Machine& machine = world.add_machine("m", options);
  REQUIRE(world.run(machine, put, "small", "here", true, true).ok());
  EXPECT(world.run(machine, fill, 2 << 20).is(Code::no_space));
  EXPECT_EQ(*world.run(machine, available), 0);
  EXPECT_EQ(*content(world, machine, "small"), "here");
  REQUIRE(world.run(machine, remove_file, "big").ok());
  EXPECT_GT(*world.run(machine, available), 1'000'000);
  EXPECT(world.run(machine, fill, 1 << 19).ok());
}

TEST_CASE("a slow disk is slow, a hanging one answers when it is released, a broken one never") {
  World world(1);
  Machine& machine = world.add_machine();
  Duration start = world.now();
  REQUIRE(world.run(machine, put, "f", "x", true, true).ok());
  Duration usual = world.now() - start;
  machine.drive().set_slowness(100);
  start = world.now();
  REQUIRE(world.run(machine, put, "f", "x", true, true).ok());
  EXPECT_GT(world.now() - start, 10 * usual);
  machine.drive().set_slowness(1);

  machine.drive().hang();
  world.after(seconds(5), UniqueFunction<void()>([&machine] { machine.drive().release(); }));
  start = world.now();
  REQUIRE(world.run(machine, put, "f", "x", true, true).ok());
  EXPECT(world.now() - start >= seconds(5));

  machine.drive().set_broken(true);
  EXPECT(content(world, machine, "f").is(Code::io_error));
}

TEST_CASE("a lost disk comes back empty") {
  World world(1);
  Machine& machine = world.add_machine();
  REQUIRE(world.run(machine, put, "f", "x", true, true).ok());
  machine.lose_disk();
  EXPECT(content(world, machine, "f").is(Code::not_found));
  EXPECT_EQ(machine.drive().space().used, 0);
}

TEST_CASE("a lock is held by one process at a time and falls with it") {
  World world(1);
  Machine& machine = world.add_machine();
  std::unique_ptr<FileLock> first, second;
  REQUIRE(world.run(machine, lock_and_hold, &first).ok());
  EXPECT(world.run(machine, lock_and_hold, &second).is(Code::in_use));
  first.reset();
  EXPECT(world.run(machine, lock_and_hold, &second).ok());
  second.reset();
}

TEST_CASE("direct files want everything aligned") {
  World world(1);
  Machine& machine = world.add_machine();
  auto body = [](Env& env, std::size_t size) -> Task<Status> {
    OpenOptions options;
    options.create = true;
    options.direct = true;
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("f", options));
    co_return co_await write_text(file.get(), 0, std::string(size, 'x'));
  };
  EXPECT(world.run(machine, body, 8192).ok());
  EXPECT(world.run(machine, body, 100).is(Code::invalid_argument));
}

TEST_CASE("a sparse file of a terabyte and a gigabyte of zeros take next to no memory") {
  Space space;
  space.capacity = std::uint64_t(1) << 50;
  Content content(space);
  ByteVector byte = {1};
  EXPECT_EQ(content.write(std::uint64_t(1) << 40, byte), 1);
  EXPECT_EQ(content.pages(), 1);
  ByteVector zeros(1 << 20);
  for (std::uint64_t i = 0; i < 64; ++i) content.write(i << 20, zeros);
  content.begin_sync();
  content.end_sync(true);
  EXPECT_EQ(content.written_pages().size(), 1);
  EXPECT_EQ(space.used, (64 << 20) + 4096);
  EXPECT(!content.uncertain());
}
