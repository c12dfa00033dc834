#include "tests/sim/campaign.h"

#include <csignal>

#include "tests/sim/drive.h"
#include "tests/sim/fabric.h"
#include "tests/unit/sim/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

namespace {

// Counts in a file and says that a number is durable. The liar does not sync.
Task<void> count(Env& env, bool syncs, int* promised) {
  for (int i = *promised + 1;; ++i) {
    Status kept = co_await put(env, "number", std::to_string(i), syncs, syncs);
    if (!kept.ok()) co_return;
    *promised = i;
    Status slept = co_await sleep_for(env, milliseconds(10));
    if (!slept.ok()) co_return;
  }
}

void counting(Run& run, bool syncs) {
  int promised = 0;
  World& world = run.make_world(WorldOptions());
  Machine& machine = world.add_machine();
  machine.start(program(count, syncs, &promised));
  NemesisOptions nemesis;
  nemesis.pause_max = milliseconds(500);
  run.unleash(nemesis);
  world.run_for(seconds(10));
  run.calm();
  machine.kill();
  auto found = world.run(machine, get, "number");
  int number = found.ok() ? std::atoi(found->c_str()) : 0;
  run.expect(number >= promised, Verdict::safety,
             std::to_string(promised) + " was promised, " + std::to_string(number) + " is there");
}
void honest(Run& run) { counting(run, true); }
void liar(Run& run) { counting(run, false); }

void idle(Run& run) {
  World& world = run.make_world(WorldOptions());
  world.add_machine("lonely");
  run.unleash(NemesisOptions());
  world.run_for(seconds(1));
}
void stuck(Run& run) {
  idle(run);
  run.expect(false, Verdict::liveness, "nothing happens");
}
void broken(Run& run) {
  idle(run);
  CHECK(run.seed() == 0);
}
[[maybe_unused]] void segfault(Run& run) {
  idle(run);
  std::raise(SIGSEGV);
}
void forever(Run& run) {
  idle(run);
  while (true) ::usleep(1000);
}
void moody(Run& run) {
  static int times = 0;
  World& world = run.make_world(WorldOptions());
  world.note(Happening::note, nullptr, "always");
  world.note(Happening::note, nullptr, "this is time " + std::to_string(++times));
}

SeedResult run_one(void (*body)(Run&), bool twice = false) {
  CampaignOptions options;
  options.scenarios = {Scenario{"test", "", body}};
  options.twice = twice;
  options.limit = std::chrono::seconds(body == forever ? 1 : 60);
  SeedResult found;
  run_campaign(options, [&found](const SeedResult& result) { found = result; });
  return found;
}

}  // namespace

TEST_CASE("a program that does not sync what it promises is found out, one that does is not") {
  CampaignOptions options;
  options.last = 10;
  options.jobs = 2;
  for (bool lies : {false, true}) {
    options.scenarios = {Scenario{"counting", "", lies ? liar : honest}};
    int safety = 0, clean = 0;
    run_campaign(options, [&](const SeedResult& result) {
      safety += result.outcome.verdict == Verdict::safety;
      clean += result.outcome.verdict == Verdict::clean;
    });
    EXPECT_EQ(safety + clean, 10);
    EXPECT_EQ(safety > 0, lies);
  }
}

TEST_CASE("each kind of end is told apart, and the campaign goes on behind it") {
  EXPECT_EQ(run_one(idle).outcome.verdict, Verdict::clean);
  EXPECT_EQ(run_one(stuck).outcome.verdict, Verdict::liveness);
  auto check = run_one(broken).outcome;
  EXPECT_EQ(check.verdict, Verdict::crash);
  EXPECT(check.text.find("run.seed() == 0 at 1.000000000 of seed 1") != std::string::npos);
  auto hung = run_one(forever).outcome;
  EXPECT_EQ(hung.verdict, Verdict::liveness);
  EXPECT(hung.text.find("too long") != std::string::npos);
}

TEST_CASE("a campaign to the greatest seed there is comes to its end") {
  CampaignOptions options;
  options.scenarios = {Scenario{"idle", "", idle}};
  options.last = ~std::uint64_t(0);
  options.first = options.last - 1;
  std::size_t seeds = 0;
  auto count_seed = [&](const SeedResult&) { REQUIRE(++seeds <= 2); };
  run_campaign(options, count_seed);
  EXPECT_EQ(seeds, 2);
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("a crash by signal is a seed's, not the campaign's") {
  std::signal(SIGSEGV, SIG_DFL);
  auto crash = run_one(segfault).outcome;
  EXPECT_EQ(crash.verdict, Verdict::crash);
  EXPECT(crash.text.find("Segmentation") != std::string::npos);
}
#endif

TEST_CASE("two runs of one seed that differ are reported with the event at which they part") {
  EXPECT_EQ(run_one(idle, true).outcome.verdict, Verdict::clean);
  auto outcome = run_one(moody, true).outcome;
  EXPECT_EQ(outcome.verdict, Verdict::crash);
  EXPECT(outcome.text.find("event 2: 0.000000000 world note this is time 3") != std::string::npos);
}

TEST_CASE("a plan of faults in JSON reads as it was written, and says what is wrong with it") {
  auto plan = FaultPlan::parse(R"([
    {"at_ms": 1500, "action": "kill", "machine": "m1", "for_ms": 250.5},
    {"at_ms": 2000, "action": "partition", "group": ["m1", "m2"]},
    {"at_ms": 2500, "action": "disk-call", "machine": "m1", "op": "sync", "effect": "power-cut", "skip": 3}])");
  REQUIRE(plan.ok());
  REQUIRE_EQ(plan->faults.size(), 3);
  EXPECT_EQ(plan->faults[0].at, milliseconds(1500));
  EXPECT_EQ(plan->faults[0].lasts, microseconds(250'500));
  EXPECT_EQ(plan->faults[1].group.size(), 2);
  EXPECT_EQ(FaultPlan::parse(plan->to_json())->to_json(), plan->to_json());
  for (const char* wrong :
       {"{}", "[1]", "[{\"machine\": \"m1\"}]", "[{\"action\": true}]", "[{\"at_ms\": -1}]", "nonsense"})
    EXPECT(FaultPlan::parse(wrong).is(Code::bad_config));

  World world(1);
  world.add_machine();
  world.add_machine();
  for (const Fault& fault : plan->faults) EXPECT(check(world, fault).ok());
  for (const char* wrong :
       {R"([{"action": "kil", "machine": "m1"}])", R"([{"action": "kill", "machine": "m9"}])",
        R"([{"action": "kill", "machine": "m1", "factor": 2}])",
        R"([{"action": "reset", "machine": "m1", "to": "m2", "for_ms": 5}])",
        R"([{"action": "cut", "machine": "m1", "to": "m1"}])",
        R"([{"action": "disk-call", "machine": "m1", "op": "pray"}])", R"([{"action": "partition"}])"}) {
    auto parsed = FaultPlan::parse(wrong);
    REQUIRE(parsed.ok());
    EXPECT(check(world, parsed->faults[0]).is(Code::invalid_argument));
  }
}

TEST_CASE("a plan happens at its times and ends by itself, and recovery ends the rest") {
  World world(1);
  Machine& one = world.add_machine();
  Machine& two = world.add_machine();
  one.env();
  two.env();
  auto plan = FaultPlan::parse(R"([
    {"at_ms": 1000, "action": "kill", "machine": "m1", "for_ms": 1000},
    {"at_ms": 1000, "action": "clog", "machine": "m1", "to": "m2", "for_ms": 500},
    {"at_ms": 1200, "action": "power-cut", "machine": "m2"},
    {"at_ms": 1200, "action": "cut", "machine": "m2", "to": "m1"},
    {"at_ms": 1200, "action": "disk-full", "machine": "m1"}])");
  REQUIRE(start(world, *plan).ok());
  world.run_for(milliseconds(999));
  EXPECT(one.running());
  world.run_for(milliseconds(2));
  EXPECT(!one.running());
  EXPECT(world.network().link(one, two).clogged());
  world.run_for(seconds(1));
  EXPECT(one.running());
  EXPECT(!world.network().link(one, two).clogged());
  EXPECT(!two.powered());
  EXPECT(world.run(one, put, "f", "x", true, true).is(Code::no_space));
  recover(world);
  EXPECT(two.running());
  EXPECT(world.network().link(two, one).open());
  EXPECT(world.run(one, put, "f", "x", true, true).ok());
}

TEST_CASE("what the nemesis did can be replayed as a plan, with the same outcome") {
  Run::Settings settings;
  settings.seed = 5;
  Run run(settings);
  honest(run);
  settings.plan = run.faults();
  EXPECT_GT(settings.plan->faults.size(), 10);
  Run again(settings);
  honest(again);
  EXPECT_EQ(again.outcome().hash, run.outcome().hash);
}
