#include "tests/sim/drive.h"
#include "tests/sim/world.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/value_store_model.h"
#include "wal/value_store/recovery.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
ValueStoreOptions small_segments(sim::Dice& dice) {
  ValueStoreOptions options;
  options.segment_bytes = 8 * kKiB << dice.below(6);
  options.lanes = 1 + static_cast<unsigned>(dice.below(4));
  options.reserve_bytes = kMiB;
  options.reclaim_dead_share = 0.2;
  options.reclaim_bytes_per_second = dice.one_in(2) ? 0 : 20 * kMiB;
  options.checkpoint_records_min = 20 + dice.below(200);
  options.checkpoint_bytes_min = 64 * kKiB;
  options.background = !dice.one_in(4);
  options.open_files_max = 4 + dice.below(60);
  options.open_records_max = 1 + dice.below(400);
  return options;
}

struct Trial {
  Trial(std::uint64_t seed, std::size_t keys) : model(keys), dice(seed, "value store trial") {}
  ValueModel model;
  sim::Dice dice;
  std::uint64_t opened = 0, torn = 0, replayed = 0, reclaimed = 0, checkpoints = 0;
};

Task<void> life(Env& env, Trial& trial) {
  ValueStoreOptions options = small_segments(trial.dice);
  options.on_damage = [&trial](const Damage& damage) {
    if (!damage.torn) trial.model.fault("damage without a flip: " + damage.what);
  };
  auto opening = co_await ValueStore::open(env, "data/values", options);
  if (!opening.ok()) {
    if (!opening.is(Code::cancelled) && !opening.is(Code::closed))
      trial.model.fault("does not open: " + opening.error().to_string());
    co_return;
  }
  auto store = std::move(opening).value();
  ++trial.opened;
  trial.torn += store->open_report().torn.size();
  trial.replayed += store->open_report().records_read;
  Status verified = co_await verify_after_crash(*store, trial.model);
  TaskGroup clients(env.loop());
  if (verified.ok()) {
    for (std::uint64_t i = 0; i < 5; ++i)
      clients.spawn(random_client(env, *store, trial.model, sim::Dice(trial.dice.next(), "client", i)));
    clients.spawn(random_upkeep(env, *store, sim::Dice(trial.dice.next(), "upkeep")));
    Parking forever(env.loop());
    bool woken = co_await forever.park();
    static_cast<void>(woken);
  }
  co_await clients.stop();
  trial.reclaimed += store->stats().reclaimed_segments;
  trial.checkpoints += store->stats().checkpoints;
  Status stopped = co_await store->stop();
  static_cast<void>(stopped);
}

// One machine, many ends: most by power cuts, some by kills, a few in order.
void run_trial(std::uint64_t seed, int rounds, Trial& trial) {
  sim::WorldOptions options;
  options.log_level = LogLevel::error;
  sim::World world(seed, options);
  sim::Machine& machine = world.add_machine();
  Trial* at = &trial;
  machine.start(sim::program([at](Env& env) { return life(env, *at); }));
  for (int round = 0; round < rounds && trial.model.faults().empty(); ++round) {
    world.run_for(microseconds(static_cast<std::int64_t>(trial.dice.below(trial.dice.one_in(3) ? 3'000 : 60'000))));
    if (trial.dice.one_in(6)) {
      machine.kill();
    } else {
      machine.power_cut();
    }
    trial.model.crashed();
    machine.start();
  }
  world.run_for(milliseconds(200));
  machine.power_cut();
}
}  // namespace

TEST_CASE("what was acknowledged survives power cuts, what was erased stays away, and nothing half-written is read") {
  const char* wanted = std::getenv("VORTEX_POWER_CUTS");
  const int cuts = wanted ? std::atoi(wanted) : 600;
  const char* first = std::getenv("VORTEX_SEED");
  std::uint64_t seed = first ? std::strtoull(first, nullptr, 10) : 1;
  std::uint64_t opened = 0, reclaimed = 0, checkpoints = 0, torn = 0, replayed = 0, reads = 0;
  for (int done = 0; done < cuts; done += 30, ++seed) {
    Trial trial(seed, 40 + seed % 5 * 60);
    run_trial(seed, 30, trial);
    CAPTURE(seed);
    INFO(trial.model.first_fault());
    REQUIRE(trial.model.faults().empty());
    opened += trial.opened;
    reclaimed += trial.reclaimed;
    checkpoints += trial.checkpoints;
    torn += trial.torn;
    replayed += trial.replayed;
    reads += trial.model.reads;
  }
  DOCTEST_MESSAGE("opened ", opened, ", reads checked ", reads, ", segments reclaimed ", reclaimed, ", checkpoints ",
                  checkpoints, ", torn regions ", torn, ", records read back ", replayed);
  // It would be easy to survive what never happened.
  EXPECT_GT(opened, static_cast<std::uint64_t>(cuts) / 2);
  EXPECT_GT(reclaimed, static_cast<std::uint64_t>(cuts) / 10);
  EXPECT_GT(checkpoints, static_cast<std::uint64_t>(cuts) / 10);
  EXPECT_GT(torn, 0);
}
