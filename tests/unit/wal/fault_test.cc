#include "tests/scenarios/wal_workload.h"
#include "tests/sim/drive.h"
#include "tests/sim/process.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
struct Sweep {
  std::uint64_t calls = 0, fail_stops = 0;
  std::string complaint;
};

// One life with the fault at the disk call after `n` others, then starts without faults.
Sweep run_with_fault(std::uint64_t seed, std::optional<std::uint64_t> n, sim::DiskEffect effect) {
  sim::WorldOptions options;
  options.log_level = static_cast<LogLevel>(static_cast<int>(LogLevel::error) + 1);
  sim::World world(seed, options);
  WorkloadOptions workload_options;
  workload_options.operations = 40;
  workload_options.writers = 5;
  workload_options.owners = 3;
  workload_options.bytes_max = 1500;
  workload_options.faulty = n.has_value();
  Workload workload(world, workload_options);
  sim::Machine& machine = world.add_machine();
  if (n) machine.drive().fail_call(*n, effect);
  machine.start(workload.program());
  auto ended = [&machine] { return !machine.running(); };
  Sweep sweep;
  if (!world.run_until(ended, seconds(60))) sweep.complaint = "it does not end";
  sweep.calls = machine.drive().calls();
  if (!machine.fail_stop_reason().empty()) ++sweep.fail_stops;
  machine.drive().clear_faults();
  std::string complaint = workload.check(machine);
  if (sweep.complaint.empty()) sweep.complaint = complaint;
  return sweep;
}

sim::DiskFault full_for_good() {
  sim::DiskFault fault;
  fault.effect = sim::DiskEffect::no_space;
  fault.op = sim::DiskOp::write;
  fault.count = 1'000'000;
  return fault;
}

Task<void> append_twice(Env& env, std::string& first, std::string& second) {
  auto log = co_await wal::Log::open(env, "wal", small_options());
  CHECK(log.ok());
  auto appended = co_await append_text(**log, 1, "lost");
  if (!appended.ok()) first = appended.error().to_string();
  auto again = co_await append_text(**log, 1, "lost as well");
  if (!again.ok()) second = again.error().to_string();
  co_await (*log)->stop();
}

std::uint64_t sweep_all(sim::DiskEffect effect) {
  Sweep clean = run_with_fault(5, std::nullopt, effect);
  REQUIRE_EQ(clean.complaint, "");
  REQUIRE(clean.calls > 100);
  std::uint64_t stops = 0;
  for (std::uint64_t n = 0; n < clean.calls; ++n) {
    Sweep sweep = run_with_fault(5, n, effect);
    INFO("call ", n, " of ", clean.calls);
    REQUIRE_EQ(sweep.complaint, "");
    stops += sweep.fail_stops;
  }
  DOCTEST_MESSAGE(clean.calls, " calls failed in turn, ", stops, " ended the process");
  return stops;
}
}  // namespace

TEST_CASE("an input/output error at any single disk call loses nothing acknowledged") {
  EXPECT_GT(sweep_all(sim::DiskEffect::io_error), 0u);
}

// Space that runs out in a sync is a failed sync.
TEST_CASE("no space at any single disk call loses nothing acknowledged") {
  EXPECT_GT(sweep_all(sim::DiskEffect::no_space), 0u);
}

TEST_CASE("a power cut at any single disk call loses nothing acknowledged") {
  EXPECT_EQ(sweep_all(sim::DiskEffect::power_cut), 0u);
}

TEST_CASE("a kill at any single disk call loses nothing acknowledged") {
  EXPECT_EQ(sweep_all(sim::DiskEffect::kill), 0u);
}

TEST_CASE("after a failed sync every call is refused and the process ends") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<Status>> {
    CO_RETURN_IF_ERROR(co_await append_text(log, 1, "before"));
    co_return Status();
  };
  REQUIRE(rig.with_log<Status>(body).ok());
  sim::DiskFault fault;
  fault.op = sim::DiskOp::sync;
  fault.path = ".wal";
  fault.skip = 1;  // the one of the start
  rig.machine.drive().fail(fault);
  std::string first, second;
  auto failing = sim::program([&first, &second](Env& env) { return append_twice(env, first, second); });
  rig.machine.kill();
  rig.machine.start(failing);
  auto ended = [&rig] { return !rig.machine.running(); };
  REQUIRE(rig.world.run_until(ended, seconds(10)));
  EXPECT_NE(first, "");
  EXPECT_NE(second, "");
  EXPECT_NE(rig.machine.fail_stop_reason(), "");
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT_EQ((*back)[1].size(), 1u);
}

TEST_CASE("a full disk refuses appends clearly, still takes truncations, and then goes on") {
  Rig rig;
  std::uint64_t room = 5 * kSegmentBytesMin + 2 * kBlock;
  rig.machine.drive().set_capacity(room);
  auto body = [](Env&, wal::Log& log) -> Task<Result<int>> {
    Result<Appended> last = Code::internal;
    int written = 0;
    do {
      last = co_await append_text(log, 1, std::string(3000, 'x'));
      ++written;
    } while (last.ok() && written < 1000);
    if (!last.is(Code::no_space)) co_return Error(Code::internal, "not refused");
    if (log.holders(1).at(0).owner != 1) co_return Error(Code::internal, "nobody holds the log back");
    for (int round = 0; round < 3; ++round) {
      CO_RETURN_IF_ERROR(co_await log.truncate(1, log.end()));
      for (int i = 0; i < 40; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 1, "again"));
    }
    co_return written;
  };
  auto written = rig.with_log<int>(body);
  std::string why = written.ok() ? std::string() : written.error().to_string();
  INFO(why);
  REQUIRE(written.ok());
  EXPECT_GT(*written, 60);
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT_EQ((*back)[1].size(), 40u);
}

TEST_CASE("a disk that is full stays usable through restarts") {
  Rig rig;
  rig.machine.drive().set_capacity(4 * kSegmentBytesMin);
  auto fill = [](Env&, wal::Log& log) -> Task<Result<int>> {
    int written = 0;
    while (true) {
      auto appended = co_await append_text(log, 2, std::string(2000, 'y'));
      if (appended.is(Code::no_space)) co_return written;
      CO_RETURN_IF_ERROR(appended);
      ++written;
    }
  };
  auto written = rig.with_log<int>(fill);
  REQUIRE(written.ok());
  for (int i = 0; i < 10; ++i) {
    rig.machine.power_cut();
    auto back = rig.reopen();
    REQUIRE(back.ok());
    EXPECT_EQ((*back)[2].size(), static_cast<std::size_t>(*written));
  }
  auto release = [](Env&, wal::Log& log) -> Task<Result<int>> {
    CO_RETURN_IF_ERROR(co_await log.truncate(2, log.end()));
    CO_RETURN_IF_ERROR(co_await append_text(log, 2, "room again"));
    co_return 0;
  };
  auto released = rig.with_log<int>(release);
  std::string why = released.ok() ? std::string() : released.error().to_string();
  INFO(why);
  EXPECT(released.ok());
}

TEST_CASE("reads that give wrong bytes once cost nothing when a log is opened, and do no damage") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Rig rig(seed);
    auto fill = [](Env&, wal::Log& log) -> Task<Result<Contents>> {
      for (int i = 0; i < 30; ++i)
        CO_RETURN_IF_ERROR(co_await append_text(log, 1 + i % 3, std::string(200 + 190 * (i % 13), 'f')));
      co_return co_await contents(log);
    };
    auto before = rig.with_log<Contents>(fill);
    REQUIRE(before.ok());
    auto hurt = [](Env&, wal::Log& log) -> Task<Result<std::size_t>> { co_return log.recovery().damages.size(); };
    rig.machine.drive().options().read_flips = 0.15;
    auto damages = rig.with_log<std::size_t>(hurt);
    rig.machine.drive().options().read_flips = 0;
    REQUIRE(damages.ok());
    REQUIRE_EQ(*damages, 0);
    auto report = rig.inspect();
    REQUIRE(report.ok());
    REQUIRE(report->damages.empty());
    REQUIRE(!report->torn_tail);
    auto after = rig.reopen();
    REQUIRE(after.ok());
    REQUIRE(*after == *before);
  }
}

TEST_CASE("a log on a disk that takes nothing any more closes all the same, and says so") {
  Rig rig;
  auto body = [](Env& env, wal::Log& log) -> Task<Result<std::string>> {
    CO_RETURN_IF_ERROR(co_await append_text(log, 1, "kept"));
    static_cast<sim::Process&>(env).machine().drive().fail(full_for_good());
    Status closed = co_await log.close();
    if (closed.ok()) co_return std::string("closed");
    co_return std::string(code_info(closed.error().code()).name);
  };
  auto ended = rig.with_log<std::string>(body);
  REQUIRE(ended.ok());
  EXPECT_EQ(*ended, std::string(code_info(Code::no_space).name));
  rig.machine.drive().clear_faults();
  auto kept = rig.reopen();
  REQUIRE(kept.ok());
  EXPECT_EQ((*kept)[1].size(), 1);
}
