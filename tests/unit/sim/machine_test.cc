#include "tests/sim/machine.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "base/deadline.h"
#include "base/event.h"
#include "tests/sim/drive.h"
#include "tests/sim/fabric.h"
#include "tests/unit/sim/echo.h"
#include "tests/unit/sim/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

namespace {

Task<void> busy(Env& env, Address server) {
  while (true) {
    auto answer = co_await ask(env, server, "x");
    if (answer.is(Code::cancelled)) break;
    auto bytes = to_vector(as_bytes("content"));
    Status written = co_await replace_file(env.disk(), "f", bytes);
    if (written.is(Code::cancelled)) break;
    auto work = [] { return 1; };
    co_await env.pool().run(work);
    Status slept = co_await sleep_for(env, milliseconds(1));
    if (!slept.ok()) break;
  }
}

Task<void> count_ticks(Env& env, int* ticks) {
  while (true) {
    Status slept = co_await sleep_for(env, milliseconds(100));
    if (!slept.ok()) co_return;
    ++*ticks;
  }
}

Task<Status> nap(Env& env, Duration duration) { return sleep_for(env, duration); }

Task<Result<std::int64_t>> measured_ms(Env& env, Duration world_duration, World* world) {
  Instant start = env.now();
  Duration end = world->now() + world_duration;
  while (world->now() < end) CO_RETURN_IF_ERROR(co_await sleep_for(env, milliseconds(1)));
  co_return to_ms(env.now() - start);
}

// Runs until it is told to stop, then notes that it was.
class Polite final : public Program {
 public:
  Polite(Env& env, int* stopped) : event_(env.loop()), stopped_(stopped) {}
  Task<void> run() override {
    while (!asked_) {
      bool woken = co_await event_.wait();
      if (!woken) co_return;
    }
    ++*stopped_;
  }
  Task<void> stop() override {
    asked_ = true;
    event_.notify_all();
    co_return;
  }

 private:
  Event event_;
  int* stopped_;
  bool asked_ = false;
};

}  // namespace

TEST_CASE("a kill unwinds a program in the middle of sleeps, reads, pool work and disk calls") {
  World world(3);
  Machine& server = world.add_machine();
  Machine& client = world.add_machine();
  server.start(program(echo_server));
  for (int i = 0; i < 80; ++i) {
    client.start(program(busy, server.address(kEchoPort)));
    world.run_for(microseconds(200 * i));
    if (i % 2) {
      client.kill();
    } else {
      client.power_cut();
    }
    EXPECT(!client.running());
    EXPECT_EQ(client.drive().calls_under_way(), 0);
  }
  world.run_for(seconds(100));
  // The server still believes in the connections of machines that lost power.
  server.kill();
  EXPECT_EQ(world.network().connections(), 0);
}

TEST_CASE("nothing that a dead process does has an effect") {
  World world(1);
  Machine& machine = world.add_machine();
  auto stubborn = [](Env& env) -> Task<void> {
    co_await sleep_for(env, std::chrono::hours(1));
    // Cancelled: the process is dead. None of this may reach the disk or the network.
    Status written = co_await put(env, "ghost", "x", true, true);
    EXPECT(written.is(Code::cancelled));
    auto answer = co_await env.network().connect(Address());
    EXPECT(answer.is(Code::cancelled));
    EXPECT(env.network().listen(Address()).is(Code::cancelled));
  };
  machine.start(program(stubborn));
  world.run_for(seconds(1));
  machine.kill();
  EXPECT(content(world, machine, "ghost").is(Code::not_found));
}

namespace {
// What cannot be unwound stays behind by intention.
struct LeaksExpected {
#ifdef __SANITIZE_ADDRESS__
  LeaksExpected() { __lsan_disable(); }
  ~LeaksExpected() { __lsan_enable(); }
#else
  LeaksExpected() {}
#endif
};
}  // namespace

TEST_CASE("a task that ignores cancellation is reported as a crash") {
  LeaksExpected abandoned_frames;
  WorldOptions options;
  options.collect_violations = true;
  World world(1, options);
  Machine& deaf = world.add_machine("deaf");
  auto ignore = [](Env& env) -> Task<void> {
    Parking parking(env.loop());
    co_await parking.park_uncancellable();
  };
  deaf.start(program(ignore));
  deaf.kill();
  EXPECT_EQ(world.verdict(), Verdict::crash);
  EXPECT_EQ(world.violations().front().text, "deaf: 1 tasks and 1 waits ignore that their process died");

  World other(1, options);
  Machine& spinning = other.add_machine("spinning");
  auto spin = [](Env& env) -> Task<void> {
    while (true) (void)co_await put(env, "f", "x", true, true);
  };
  spinning.start(program(spin));
  other.run_for(milliseconds(5));
  spinning.kill();
  EXPECT_EQ(other.verdict(), Verdict::crash);
}

TEST_CASE("a process restarts with its disk, a new number and nothing else") {
  World world(1);
  Machine& machine = world.add_machine();
  int ticks = 0;
  machine.start(program(count_ticks, &ticks));
  world.run_for(milliseconds(950));
  EXPECT_EQ(ticks, 9);
  REQUIRE(world.run(machine, put, "f", "x", true, true).ok());
  machine.restart();
  EXPECT_EQ(machine.processes(), 2);
  EXPECT_EQ(*content(world, machine, "f"), "x");
  ticks = 0;
  world.run_for(milliseconds(950));
  EXPECT_EQ(ticks, 9);
  machine.kill();
  world.run_for(seconds(1));
  EXPECT_EQ(ticks, 9);
}

TEST_CASE("a stop lets the program end in order, and its service manager leaves it at that") {
  World world(1);
  Machine& machine = world.add_machine();
  int stopped = 0;
  machine.keep_running(seconds(1));
  machine.start([&stopped](Env& env) -> std::unique_ptr<Program> { return std::make_unique<Polite>(env, &stopped); });
  world.run_for(seconds(1));
  EXPECT(machine.running());
  machine.stop();
  world.run_for(seconds(5));
  EXPECT(!machine.running());
  EXPECT_EQ(stopped, 1);
}

TEST_CASE("a program that stops itself is gone at once, says why, and is started again where that was asked for") {
  World world(1);
  Machine& machine = world.add_machine();
  machine.keep_running(seconds(2));
  auto give_up = [](Env& env) -> Task<void> {
    co_await sleep_for(env, seconds(1));
    env.fail_stop("the disk lies");
    Status written = co_await put(env, "after", "x", true, true);
    EXPECT(written.is(Code::cancelled));
  };
  machine.start(program(give_up));
  world.run_for(milliseconds(1500));
  EXPECT(!machine.running());
  EXPECT_EQ(machine.fail_stop_reason(), "the disk lies");
  world.run_for(seconds(2));
  EXPECT(machine.running());
  EXPECT_EQ(machine.processes(), 2);
}

TEST_CASE("a paused process does nothing and gets everything late, a resumed one goes on") {
  World world(1);
  Machine& server = world.add_machine();
  Machine& client = world.add_machine();
  server.start(program(echo_server));
  int ticks = 0;
  server.spawn(count_ticks(server.env(), &ticks));
  world.run_for(milliseconds(350));
  EXPECT_EQ(ticks, 3);
  server.pause();
  world.after(seconds(5), UniqueFunction<void()>([&server] { server.resume(); }));
  Duration start = world.now();
  // The system accepts the connection and the bytes, the program answers when it runs again.
  auto answer = world.run(client, ask, server.address(kEchoPort), "late");
  REQUIRE(answer.ok());
  EXPECT(world.now() - start >= seconds(5));
  EXPECT_EQ(ticks, 4);
  world.run_for(seconds(1));
  EXPECT_GT(ticks, 10);
}

TEST_CASE("when the first thing that a resumed process does is to end itself, it does nothing else") {
  World world(1);
  Machine& machine = world.add_machine();
  machine.start(program(echo_server));
  int rang = 0;
  auto set = [](Env& env, int& times) -> Task<void> {
    for (int i = 1; i <= 3; ++i) {
      auto ring = [&env, &times] {
        ++times;
        env.fail_stop("enough");
      };
      env.clock().call_at(env.now() + milliseconds(i), UniqueFunction<void()>(ring));
    }
    co_return;
  };
  machine.spawn(set(machine.env(), rang));
  world.run_for(microseconds(500));
  machine.pause();
  world.run_for(seconds(1));
  REQUIRE(rang == 0);
  machine.resume();
  world.run_for(milliseconds(1));
  EXPECT_EQ(rang, 1);
}

TEST_CASE("clocks run at their rates, up to a factor of 1.25 apart, and timers follow") {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  double slowest = 2, fastest = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    World world(seed, options);
    double rate = static_cast<double>(world.add_machine().clock().rate());
    slowest = std::min(slowest, rate / 1e6);
    fastest = std::max(fastest, rate / 1e6);
  }
  EXPECT_LE(fastest / slowest, 1.25);
  EXPECT_GT(fastest / slowest, 1.2);

  World world(1);
  Machine& machine = world.add_machine();
  EXPECT_EQ(*world.run(machine, measured_ms, seconds(1), &world), 1000);
  machine.set_clock_rate(1'250'000);
  EXPECT_EQ(*world.run(machine, measured_ms, seconds(1), &world), 1250);
  // A timer that was set before the change follows it.
  machine.set_clock_rate(MachineClock::kExact);
  Duration start = world.now();
  world.after(seconds(5), UniqueFunction<void()>([&machine] { machine.set_clock_rate(500'000); }));
  REQUIRE(world.run(machine, nap, seconds(10)).ok());
  EXPECT_EQ(to_ms(world.now() - start), 15'000);
}

TEST_CASE("wall clocks jump and timers do not care") {
  World world(1);
  Machine& machine = world.add_machine();
  WallTime before = machine.env().clock().wall_now();
  machine.jump_wall_clock(-std::chrono::hours(3));
  EXPECT(machine.env().clock().wall_now() == before - std::chrono::hours(3));
  Duration start = world.now();
  world.after(milliseconds(10), UniqueFunction<void()>([&machine] { machine.jump_wall_clock(std::chrono::hours(9)); }));
  REQUIRE(world.run(machine, nap, seconds(1)).ok());
  EXPECT_EQ(world.now() - start, seconds(1));
}

TEST_CASE("the boot clock starts anew after a power cut and goes on after a kill") {
  World world(1);
  Machine& machine = world.add_machine();
  world.run_for(std::chrono::hours(10));
  Instant before = machine.env().now();
  machine.kill();
  EXPECT(machine.env().now() == before);
  machine.power_cut();
  EXPECT_LT(to_ms(machine.env().now().time_since_epoch()), 60'000);
}

TEST_CASE("a deadline in virtual time ends a wait that would be for ever") {
  World world(1);
  Machine& machine = world.add_machine();
  Machine& off = world.add_machine();
  off.power_cut();
  auto body = [](Env& env, Address at) -> Task<Result<std::unique_ptr<Connection>>> {
    auto dialling = env.network().connect(at);
    co_return co_await with_timeout<std::unique_ptr<Connection>>(env, seconds(3), std::move(dialling));
  };
  auto connection = world.run(machine, body, off.address(kEchoPort));
  EXPECT(connection.is(Code::timed_out));
  EXPECT_EQ(world.now(), seconds(3));
}
