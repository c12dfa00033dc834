#include <cstdlib>

#include "tests/scenarios/wal_workload.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
struct Totals {
  std::uint64_t cuts = 0, kills = 0, batches = 0, segments = 0, torn = 0;
};

// Lives of random length, ended by loss of power or by a kill; what is there afterwards is compared at each start.
std::string crash_many_times(std::uint64_t seed, std::size_t lives, Totals& totals) {
  sim::WorldOptions options;
  options.drive.sector = seed % 3 == 0 ? 4096 : 512;
  options.log_level = LogLevel::error;
  sim::World world(seed, options);
  sim::Dice dice = world.dice("crashes");
  WorkloadOptions workload_options;
  workload_options.owners = 1 + dice.below(8);
  workload_options.writers = 1 + dice.below(12);
  workload_options.records_max = 1 + dice.below(8);
  workload_options.bytes_max = dice.one_in(3) ? 200 : 10'000 / workload_options.records_max;
  workload_options.log.spares_max = 1 + dice.below(3);
  Workload workload(world, workload_options);
  sim::Machine& machine = world.add_machine();
  machine.start(workload.program());
  for (std::size_t life = 0; life < lives && workload.complaint().empty(); ++life) {
    world.run_for(microseconds(dice.one_in(3) ? dice.below(4'000) : dice.below(60'000)));
    bool cut = !dice.one_in(4);
    if (cut) {
      machine.power_cut();
    } else {
      machine.kill();
    }
    ++(cut ? totals.cuts : totals.kills);
    world.run_for(milliseconds(1));
    workload.crashed();
    machine.start(workload.program());
  }
  std::string complaint = workload.check(machine);
  totals.batches += workload.model().batches();
  totals.segments += workload.segments_opened();
  totals.torn += workload.torn();
  return complaint;
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}
}  // namespace

TEST_CASE("after power cuts and kills everything acknowledged is there, in order, whole, and nothing truncated") {
  std::uint64_t first = from_environment("WAL_SEED", 1), seeds = from_environment("WAL_SEEDS", 60);
  Totals totals;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    std::string complaint = crash_many_times(seed, 8, totals);
    INFO("seed ", seed);
    REQUIRE_EQ(complaint, "");
  }
  DOCTEST_MESSAGE(totals.cuts, " power cuts, ", totals.kills, " kills, ", totals.batches, " batches, ", totals.segments,
                  " segments opened, ", totals.torn, " torn tails");
  EXPECT_GT(totals.segments, seeds);
  EXPECT_GT(totals.torn, 0);
}
