#include <cstdlib>
#include <set>

#include "tests/unit/wal/value_store_model.h"
#include "tests/unit/wal/value_store_rig.h"
#include "wal/value_store/store.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
constexpr std::uint64_t kKeys = 24;

// Everything a store does, once: what fails is told to the model, which knows what that means.
struct Script {
  ValueModel model{kKeys};
  std::set<Code> codes;  // of failures
  bool ended = false;

  template <class T>
  void look_at(const Result<T>& result) {
    if (!result.ok()) codes.insert(result.error().code());
  }
};

Task<void> put(ValueStore& store, Script& script, std::uint64_t n) {
  script.model.put_begins(n);
  auto result = co_await store.put(model_id(n), model_bytes(n), static_cast<std::uint16_t>(n));
  script.look_at(result);
  script.model.put_ended(n, result);
}
Task<void> erase(ValueStore& store, Script& script, std::uint64_t n) {
  if (script.model.key(n).numbers.empty()) co_return;
  CopyNumber up_to = script.model.key(n).numbers.back();
  script.model.erase_begins(n);
  auto result = co_await store.erase(model_id(n), up_to);
  script.look_at(result);
  script.model.erase_ended(n, up_to, result);
}
Task<void> sync(ValueStore& store, Script& script) {
  auto covered = script.model.sync_begins();
  Status status = co_await store.sync();
  script.look_at(status);
  if (status.ok()) script.model.synced(covered);
}
Task<void> look(ValueStore& store, Script& script) {
  for (std::uint64_t n = 0; n < kKeys; ++n) {
    auto value = co_await store.get(model_id(n));
    script.look_at(value);
    // A read that fails is no lie.
    if (value.ok() || value.is(Code::not_found)) script.model.got(n, value);
  }
}

Task<void> play(Env& env, ValueStoreOptions options, Script& script) {
  auto opening = co_await ValueStore::open(env, "values", options);
  script.look_at(opening);
  if (!opening.ok()) co_return;
  auto store = std::move(opening).value();
  for (std::uint64_t n = 0; n < 16; ++n) co_await put(*store, script, n);
  co_await sync(*store, script);
  for (std::uint64_t n = 0; n < 16; n += 2) co_await put(*store, script, n);
  for (std::uint64_t n = 0; n < 16; n += 3) co_await erase(*store, script, n);
  Status status = co_await store->checkpoint();
  script.look_at(status);
  for (std::uint64_t n = 8; n < kKeys; ++n) co_await put(*store, script, n);
  co_await sync(*store, script);
  for (std::uint64_t n = 1; n < kKeys; n += 4) co_await erase(*store, script, n);
  store->seal_segments();
  auto reclaimed = co_await store->reclaim();
  script.look_at(reclaimed);
  co_await look(*store, script);
  for (std::uint64_t n = 0; n < kKeys; n += 5) co_await put(*store, script, n);
  co_await sync(*store, script);
  ScrubOptions scrub;
  auto scrubbed = co_await store->scrub(scrub);
  script.look_at(scrubbed);
  status = co_await store->stop();
  script.look_at(status);
  script.ended = true;
}

Task<void> judge(Env& env, ValueStoreOptions options, Script& script) {
  auto opening = co_await ValueStore::open(env, "values", options);
  if (!opening.ok()) {
    script.model.fault("does not open again: " + opening.error().to_string());
    co_return;
  }
  auto store = std::move(opening).value();
  Status status = co_await verify_after_crash(*store, script.model);
  if (!status.ok()) script.model.fault("not verified: " + status.error().to_string());
  for (std::uint64_t n = 0; n < kKeys; ++n) co_await put(*store, script, n);
  co_await sync(*store, script);
  co_await look(*store, script);
  status = co_await store->stop();
  if (!status.ok()) script.model.fault("does not stop: " + status.error().to_string());
}

ValueStoreOptions tiny() {
  ValueStoreOptions options;
  options.background = false;
  options.segment_bytes = 16 * kKiB;
  options.reserve_bytes = 256 * kKiB;
  options.lanes = 2;
  options.reclaim_bytes_per_second = 0;
  options.reclaim_dead_share = 0.2;
  return options;
}

sim::WorldOptions silent() {
  sim::WorldOptions options;
  options.log_level = static_cast<LogLevel>(static_cast<int>(LogLevel::error) + 1);
  return options;
}

// The calls of a run in which nothing fails.
std::uint64_t clean_run() {
  Script script;
  sim::World world(7, silent());
  sim::Machine& machine = world.add_machine();
  machine.spawn(play(machine.env(), tiny(), script));
  world.run_for(seconds(60));
  REQUIRE(script.ended);
  REQUIRE(script.codes.count(Code::io_error) == 0);
  REQUIRE(script.model.faults().empty());
  return machine.drive().calls();
}

void sweep(sim::DiskEffect effect) {
  const std::uint64_t calls = clean_run();
  REQUIRE(calls > 100);
  const std::set<Code> clear = {Code::io_error, Code::no_space, Code::not_found, Code::cancelled, Code::closed};
  for (std::uint64_t call = 0; call < calls; ++call) {
    Script script;
    sim::World world(7, silent());
    sim::Machine& machine = world.add_machine();
    machine.drive().fail_call(call, effect);
    machine.spawn(play(machine.env(), tiny(), script));
    world.run_for(seconds(60));
    CAPTURE(call);
    for (Code code : script.codes) {
      CAPTURE(code_info(code).name);
      REQUIRE(clear.count(code) == 1);
    }
    machine.drive().clear_faults();
    // However it ended, the power goes now.
    machine.power_cut();
    script.model.crashed();
    machine.spawn(judge(machine.env(), tiny(), script));
    world.run_for(seconds(60));
    INFO(script.model.first_fault());
    REQUIRE(script.model.faults().empty());
    machine.kill();
  }
}
}  // namespace

TEST_CASE("an input/output error at any single disk call is told clearly, and nothing acknowledged is lost") {
  sweep(sim::DiskEffect::io_error);
}

TEST_CASE("no space at any single disk call is told clearly, and nothing acknowledged is lost") {
  sweep(sim::DiskEffect::no_space);
}

TEST_CASE("a process killed at any single disk call loses nothing acknowledged") { sweep(sim::DiskEffect::kill); }

TEST_CASE("a power cut at any single disk call loses nothing acknowledged") { sweep(sim::DiskEffect::power_cut); }

namespace {
struct Flipped {
  std::map<std::uint64_t, CopyNumber> numbers;
  std::set<std::uint64_t> erased;
};

// A store with values that live, values that are dead, tombstones and touches.
Flipped fill(StoreRig& rig) {
  Flipped it;
  for (std::uint64_t n = 0; n < kKeys; ++n) it.numbers[n] = rig.put(model_id(n), model_bytes(n))->number;
  for (std::uint64_t n = 0; n < kKeys; n += 5) it.numbers[n] = rig.put(model_id(n), model_bytes(n))->number;
  for (std::uint64_t n = 2; n < kKeys; n += 4) {
    REQUIRE(*rig.erase(model_id(n), it.numbers[n]) == Erased::done);
    it.erased.insert(n);
  }
  REQUIRE(rig.sync().ok());
  return it;
}

void flip_somewhere(StoreRig& rig, sim::Dice& dice, std::string& where) {
  std::vector<std::string> files = rig.files("");
  for (;;) {
    const std::string& path = files[dice.below(files.size())];
    auto bytes = rig.machine.drive().peek(path);
    if (!bytes.ok() || bytes->empty()) continue;
    // Headers are few beside values; they get their share.
    std::uint64_t offset = dice.below(bytes->size());
    if (dice.one_in(2)) offset = dice.below(std::min<std::size_t>(bytes->size(), 400));
    where = path + " at " + std::to_string(offset);
    REQUIRE(rig.machine.drive().flip_bit(path, offset, static_cast<unsigned>(dice.below(8))).ok());
    return;
  }
}

bool named(const std::vector<Damage>& list, std::uint64_t n) {
  return std::any_of(list.begin(), list.end(), [&](const Damage& damage) { return damage.id == model_id(n); });
}

void expect_found(StoreRig& rig, const Flipped& it) {
  for (std::uint64_t n = 0; n < kKeys; ++n) {
    auto value = rig.get(model_id(n));
    rig.world.run_for(seconds(1));
    CAPTURE(n);
    if (it.erased.count(n) != 0) {
      REQUIRE(value.is(Code::not_found));
    } else if (value.ok()) {
      REQUIRE(equal(value->bytes, model_bytes(n)));
      REQUIRE(value->number == it.numbers.at(n));
    } else {
      REQUIRE((value.is(Code::damaged) || value.is(Code::not_found)));
      REQUIRE(named(rig.damages, n));
    }
  }
}
}  // namespace

TEST_CASE("one wrong bit anywhere in a store at rest is found and named, and never read") {
  const char* wanted = std::getenv("VORTEX_FLIPS");
  const int flips = wanted ? std::atoi(wanted) : 150;
  int lost = 0;
  for (int i = 0; i < flips; ++i) {
    StoreRig rig(static_cast<std::uint64_t>(i + 1));
    rig.options.segment_bytes = 16 * kKiB;
    sim::Dice dice(static_cast<std::uint64_t>(i), "flip");
    REQUIRE(rig.open().ok());
    Flipped it = fill(rig);
    // At rest with an index, or as a killed process left it.
    const bool clean = dice.one_in(2);
    if (clean) {
      REQUIRE(rig.close().ok());
    } else {
      rig.machine.kill();
    }
    std::string where;
    flip_somewhere(rig, dice, where);
    CAPTURE(i);
    CAPTURE(where);
    CAPTURE(clean);
    REQUIRE(rig.open().ok());
    if (clean) REQUIRE(rig.store->open_report().torn.empty());
    expect_found(rig, it);
    auto scrubbed = rig.run([&](Env&) { return rig.store->scrub(ScrubOptions()); });
    REQUIRE(scrubbed.ok());
    if (!rig.damages.empty()) ++lost;
    // What was set aside can be put again, and then it is there.
    for (auto& [n, number] : it.numbers)
      if (it.erased.count(n) == 0) REQUIRE(rig.put(model_id(n), model_bytes(n)).ok());
    REQUIRE(rig.reopen().ok());
    for (auto& [n, number] : it.numbers)
      if (it.erased.count(n) == 0) REQUIRE(equal(rig.get(model_id(n))->bytes, model_bytes(n)));
  }
  EXPECT_GT(lost, flips / 4);
}
