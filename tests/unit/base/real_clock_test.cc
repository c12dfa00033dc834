#include "base/real/real_clock.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/deadline.h"
#include "tests/unit/base/real_world.h"

using namespace vortex;

TEST_CASE("timers fire in order, none early, and none that was cancelled") {
  auto body = [](Env& env) -> Task<void> {
    struct Fired {
      Instant due, at;
    };
    std::vector<Fired> fired;
    std::vector<TimerId> timers;
    std::vector<Instant> due;
    Instant start = env.now();
    for (int i = 0; i < 5000; ++i) {
      Instant at = start + microseconds(env.random().below(100'000));
      auto action = [&fired, &env, at] {
        Fired entry{at, env.now()};
        fired.push_back(entry);
      };
      timers.push_back(env.clock().call_at(at, UniqueFunction<void()>(action)));
      due.push_back(at);
    }
    std::multiset<Instant> expected(due.begin(), due.end());
    for (int i = 0; i < 2500; ++i) {
      std::size_t chosen = env.random().below(timers.size());
      if (timers[chosen] == kNoTimer) continue;
      env.clock().cancel(timers[chosen]);
      env.clock().cancel(timers[chosen]);  // nothing
      timers[chosen] = kNoTimer;
      expected.erase(expected.find(due[chosen]));
    }
    auto slept = co_await sleep_until(env, start + milliseconds(120));
    EXPECT(slept.ok());
    REQUIRE_EQ(fired.size(), expected.size());
    auto next = expected.begin();
    bool in_order = true, never_early = true;
    for (const Fired& entry : fired) {
      in_order = in_order && entry.due == *next++;
      never_early = never_early && entry.at >= entry.due;
    }
    EXPECT(in_order);
    EXPECT(never_early);
  };
  in_real_world(body);
}

TEST_CASE("timers of one instant fire in the order in which they were armed, and never inside the call") {
  auto body = [](Env& env) -> Task<void> {
    std::vector<int> order;
    Instant past = env.now() - seconds(1);
    for (int i = 0; i < 20; ++i) {
      auto action = [&order, i] { order.push_back(i); };
      env.clock().call_at(past, UniqueFunction<void()>(action));
    }
    EXPECT(order.empty());
    auto slept = co_await sleep_for(env, milliseconds(1));
    EXPECT(slept.ok());
    REQUIRE_EQ(order.size(), 20);
    EXPECT(std::is_sorted(order.begin(), order.end()));
  };
  in_real_world(body);
}

TEST_CASE("a timer may cancel others and arm new ones while it fires") {
  auto body = [](Env& env) -> Task<void> {
    int fired = 0;
    TimerId victim = env.clock().call_at(env.now() + milliseconds(2), [&fired] { fired += 100; });
    auto action = [&env, &fired, victim] {
      ++fired;
      env.clock().cancel(victim);
      auto second = [&fired] { ++fired; };
      env.clock().call_at(env.now(), UniqueFunction<void()>(second));
    };
    env.clock().call_at(env.now() + milliseconds(1), UniqueFunction<void()>(action));
    // Twice: a loop that is late runs the first action and the end of a sleep in the same turn.
    auto slept = co_await sleep_for(env, milliseconds(5));
    EXPECT(slept.ok());
    slept = co_await sleep_for(env, milliseconds(1));
    EXPECT(slept.ok());
    EXPECT_EQ(fired, 2);
  };
  in_real_world(body);
}

TEST_CASE("a timer that is earlier than all others is not late") {
  auto body = [](Env& env) -> Task<void> {
    TimerId far = env.clock().call_at(env.now() + seconds(3600), [] {});
    Instant start = env.now();
    auto slept = co_await sleep_for(env, milliseconds(10));
    EXPECT(slept.ok());
    EXPECT(env.now() - start >= milliseconds(10));
    EXPECT(env.now() - start < seconds(10));
    env.clock().cancel(far);
  };
  in_real_world(body);
}

TEST_CASE("a deadline cancels what takes too long and leaves alone what does not") {
  auto body = [](Env& env) -> Task<void> {
    auto work = [](Env& world, Duration time) -> Task<Result<int>> {
      auto slept = co_await sleep_for(world, time);
      if (!slept.ok()) co_return slept.error();
      co_return 7;
    };
    auto quick = co_await with_timeout<int>(env, seconds(20), work(env, milliseconds(1)));
    REQUIRE(quick.ok());
    EXPECT_EQ(*quick, 7);
    Instant start = env.now();
    auto slow = co_await with_timeout<int>(env, milliseconds(5), work(env, seconds(30)));
    EXPECT(slow.is(Code::timed_out));
    EXPECT(env.now() - start < seconds(20));
  };
  in_real_world(body);
}
