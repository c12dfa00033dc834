#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "base/one_shot.h"
#include "base/real/descriptors.h"
#include "base/real/real_env.h"
#include "base/real/signals.h"
#include "base/real/thread_pool.h"
#include "base/task_group.h"
#include "base/token_bucket.h"
#include "base/yield.h"
#include "tests/unit/base/real_world.h"

using namespace vortex;

namespace {
// Runs `program` in a child and says how it ended; nothing it prints is seen.
template <class F>
int status_of_child(F program) {
  pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);
    ::_exit(program());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct SilentSink final : LogSink {
  void write(const LogRecord&) override {}
};

RealOptions silent(LogSink& sink) {
  RealOptions options;
  options.log_sink = &sink;
  return options;
}
}  // namespace

TEST_CASE("work runs on threads and its end is told on the loop thread") {
  auto body = [](Env& env) -> Task<void> {
    std::thread::id loop_thread = std::this_thread::get_id();
    std::atomic<int> elsewhere{0};
    int told = 0, on_loop = 0;
    Parking all(env.loop());
    constexpr int kJobs = 1000;
    for (int i = 0; i < kJobs; ++i) {
      auto work = [&elsewhere, loop_thread] {
        if (std::this_thread::get_id() != loop_thread) ++elsewhere;
      };
      auto done = [&told, &on_loop, &all, loop_thread] {
        if (std::this_thread::get_id() == loop_thread) ++on_loop;
        if (++told == kJobs) all.wake();
      };
      env.pool().submit(UniqueFunction<void()>(work), UniqueFunction<void()>(done));
    }
    co_await all.park_uncancellable();
    EXPECT_EQ(on_loop, kJobs);
    EXPECT_EQ(elsewhere.load(), kJobs);
  };
  in_real_world(body);
}

TEST_CASE("work is started in the order in which it was submitted") {
  auto body = [](Env& env) -> Task<void> {
    ThreadPool pool(env.loop(), 1);
    std::vector<int> order;  // of the one thread
    Parking all(env.loop());
    for (int i = 0; i < 1000; ++i) {
      auto work = [&order, i] { order.push_back(i); };
      auto done = [&all, i] {
        if (i == 999) all.wake();
      };
      pool.submit(UniqueFunction<void()>(work), UniqueFunction<void()>(done));
    }
    co_await all.park_uncancellable();
    REQUIRE_EQ(order.size(), 1000);
    EXPECT(std::is_sorted(order.begin(), order.end()));
  };
  in_real_world(body);
}

TEST_CASE("jobs that wait on each other run at the same time") {
  auto body = [](Env& env) -> Task<void> {
    ThreadPool pool(env.loop(), 4);
    std::barrier together(4);
    int told = 0;
    Parking all(env.loop());
    for (int i = 0; i < 4; ++i) {
      auto work = [&together] { together.arrive_and_wait(); };
      auto done = [&all, &told] {
        if (++told == 4) all.wake();
      };
      pool.submit(UniqueFunction<void()>(work), UniqueFunction<void()>(done));
    }
    co_await all.park_uncancellable();
    EXPECT_EQ(told, 4);
  };
  in_real_world(body);
}

TEST_CASE("a cancelled task waits for its work on the pool") {
  auto body = [](Env& env) -> Task<void> {
    auto task = [](Env& world, std::latch& go, int& result) -> Task<void> {
      auto work = [&go] {
        go.wait();
        return 42;
      };
      result = co_await world.pool().run(work);
    };
    int result = 0;
    std::latch go(1);
    TaskGroup group(env.loop());
    group.spawn(task(env, go, result));
    group.cancel();
    for (int i = 0; i < 10; ++i) co_await yield(env.loop());
    EXPECT_EQ(group.size(), 1);
    go.count_down();
    co_await group.join();
    EXPECT_EQ(result, 42);
  };
  in_real_world(body);
}

TEST_CASE("random bytes and numbers do not repeat") {
  auto body = [](Env& env) -> Task<void> {
    std::set<Id> ids;
    std::set<std::uint64_t> numbers;
    for (int i = 0; i < 1000; ++i) {
      ids.insert(env.random().id());
      numbers.insert(env.random().next());
      EXPECT(env.random().below(3) < 3);
    }
    EXPECT_EQ(ids.size(), 1000);
    EXPECT_EQ(numbers.size(), 1000);
    EXPECT(!env.buggify("never in the real world"));
    co_return;
  };
  in_real_world(body);
}

TEST_CASE("a token bucket lets through its rate and no more") {
  auto body = [](Env& env) -> Task<void> {
    auto take = [](TokenBucket& from, double units, int times, int& taken) -> Task<void> {
      for (int i = 0; i < times; ++i) {
        auto status = co_await from.take(units);
        if (!status.ok()) co_return;
        ++taken;
      }
    };
    TokenBucket bucket(env, 10'000, 100);
    int taken = 0;
    Instant start = env.now();
    TaskGroup group(env.loop());
    for (int i = 0; i < 3; ++i) group.spawn(take(bucket, 10, 30, taken));
    co_await group.join();
    // 900 units of which 100 were there: 80 ms.
    EXPECT_EQ(taken, 90);
    EXPECT(env.now() - start >= milliseconds(79));
    EXPECT(env.now() - start < seconds(20));
    EXPECT(!bucket.try_take(100));
    // More than the burst passes and is paid for later.
    auto status = co_await bucket.take(250);
    EXPECT(status.ok());
    EXPECT(!bucket.try_take(1));
    // A new rate reaches those who wait already.
    bucket.set_rate(0.001, 100);
    TaskGroup waiting(env.loop());
    waiting.spawn(take(bucket, 100, 1, taken));
    co_await yield(env.loop());
    EXPECT_EQ(taken, 90);
    bucket.set_rate(TokenBucket::kUnlimited, 100);
    co_await waiting.join();
    EXPECT_EQ(taken, 91);
    bucket.set_rate(0.001, 100);
    TaskGroup doomed(env.loop());
    doomed.spawn(take(bucket, 100, 1, taken));
    doomed.spawn(take(bucket, 1, 1, taken));
    co_await doomed.stop();
    EXPECT_EQ(taken, 91);
  };
  in_real_world(body);
}

TEST_CASE("fail_stop ends the process at once with its own status") {
  auto program = [] {
    SilentSink sink;
    Runner runner(silent(sink));
    auto root = [](Env& env) -> Task<int> {
      env.fail_stop("a sync failed");
      co_return 0;
    };
    return runner.run(root(runner.env()));
  };
  EXPECT_EQ(status_of_child(program), kFailStopStatus);
}

TEST_CASE("a signal asks the program to end, and it ends in its own time") {
  auto program = [] {
    SilentSink sink;
    Runner runner(silent(sink));
    auto root = [](Env& env) -> Task<int> {
      ::kill(::getpid(), SIGTERM);
      auto slept = co_await sleep_for(env, seconds(3600));
      if (!slept.is(Code::cancelled)) co_return 1;
      // Its disk operations still work, so that it can bring things to an end.
      auto space = co_await env.disk().space("/");
      co_return space.ok() ? 5 : 2;
    };
    return runner.run(root(runner.env()));
  };
  EXPECT_EQ(status_of_child(program), 5);
}

TEST_CASE("a second signal ends a program that does not listen") {
  auto program = [] {
    SilentSink sink;
    Runner runner(silent(sink));
    auto root = [](Env& env) -> Task<int> {
      ::kill(::getpid(), SIGINT);
      bool again = false;
      while (true) {
        co_await yield(env.loop());
        auto slept = co_await sleep_for(env, milliseconds(1));
        if (slept.ok() || std::exchange(again, true)) continue;
        ::kill(::getpid(), SIGINT);
      }
    };
    return runner.run(root(runner.env()));
  };
  EXPECT_EQ(status_of_child(program), 128 + SIGINT);
}

TEST_CASE("a program may take its signals one by one, also those that came before it asked") {
  auto program = [] {
    SilentSink sink;
    Runner runner(silent(sink));
    auto root = [](Env& env) -> Task<int> {
      Signals signals(env.loop(), {SIGHUP, SIGUSR1});
      ::kill(::getpid(), SIGHUP);
      auto slept = co_await sleep_for(env, milliseconds(5));
      auto first = co_await signals.next();
      ::kill(::getpid(), SIGUSR1);
      auto second = co_await signals.next();
      co_return slept.ok() && first.ok() && *first == SIGHUP&& second.ok() && *second == SIGUSR1 ? 0 : 1;
    };
    return runner.run_without_signals(root(runner.env()));
  };
  EXPECT_EQ(status_of_child(program), 0);
}

TEST_CASE("a process gets as many descriptors as the system permits, and never fewer than it had") {
  auto program = [] {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < 300) return 1;
    limit.rlim_cur = 100;
    limit.rlim_max = 300;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
    if (raise_descriptors_max(50) != 100 || descriptors_max() != 100) return 3;
    if (raise_descriptors_max(200) != 200 || descriptors_max() != 200) return 4;
    return raise_descriptors_max(10'000) == 300 && descriptors_max() == 300 ? 0 : 5;
  };
  EXPECT_EQ(status_of_child(program), 0);
}
