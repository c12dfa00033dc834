#include "base/window.h"

#include <vector>

#include "tests/unit/base/loop_world.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {
struct Shared {
  explicit Shared(Loop& loop) : window(loop, 10) {}
  Window window;
  std::vector<int> order;
  std::vector<Permit> held;
  int cancelled = 0;
};

Task<void> take(Shared& shared, int name, std::size_t units) {
  auto permit = co_await shared.window.acquire(units);
  if (!permit.ok()) {
    ++shared.cancelled;
    co_return;
  }
  shared.order.push_back(name);
  shared.held.push_back(std::move(*permit));
}
}  // namespace

TEST_CASE("a window grants in the order of asking, also past one that fits now") {
  LoopWorld world;
  Shared shared(world.loop);
  TaskGroup group(world.loop);
  group.spawn(take(shared, 1, 8));
  group.spawn(take(shared, 2, 6));
  group.spawn(take(shared, 3, 1));
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1}));
  EXPECT(!shared.window.try_acquire(1).has_value());
  shared.held.clear();
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1, 2, 3}));
  EXPECT_EQ(shared.window.used(), 7);
  shared.held.clear();
  EXPECT_EQ(shared.window.used(), 0);
}

TEST_CASE("what is larger than the window passes alone") {
  LoopWorld world;
  Shared shared(world.loop);
  TaskGroup group(world.loop);
  group.spawn(take(shared, 1, 1));
  group.spawn(take(shared, 2, 1000));
  group.spawn(take(shared, 3, 1));
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1}));
  shared.held.clear();
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1, 2}));
  EXPECT_EQ(shared.held[0].units(), 10);
  shared.held.clear();
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1, 2, 3}));
  shared.held.clear();
}

TEST_CASE("a cancelled waiter leaves the line and lets those behind it pass") {
  LoopWorld world;
  Shared shared(world.loop);
  TaskGroup doomed(world.loop), group(world.loop);
  group.spawn(take(shared, 1, 8));
  doomed.spawn(take(shared, 2, 10));
  group.spawn(take(shared, 3, 2));
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1}));
  doomed.cancel();
  world.run();
  EXPECT_EQ(shared.cancelled, 1);
  EXPECT_EQ(shared.order, std::vector<int>({1, 3}));
  shared.held.clear();
  EXPECT_EQ(shared.window.used(), 0);
  EXPECT_EQ(shared.window.waiting(), 0);
}

TEST_CASE("nothing leaks when a permit is granted to one that is being cancelled") {
  LoopWorld world;
  Shared shared(world.loop);
  TaskGroup doomed(world.loop), group(world.loop);
  group.spawn(take(shared, 1, 10));
  doomed.spawn(take(shared, 2, 10));
  world.run();
  SUBCASE("granted first") {
    shared.held.clear();
    doomed.cancel();
  }
  SUBCASE("cancelled first") {
    doomed.cancel();
    shared.held.clear();
  }
  world.run();
  EXPECT_EQ(shared.order.size() + static_cast<std::size_t>(shared.cancelled), 2);
  shared.held.clear();
  EXPECT_EQ(shared.window.used(), 0);
}

TEST_CASE("a window can shrink and grow while it is in use") {
  LoopWorld world;
  Shared shared(world.loop);
  TaskGroup group(world.loop);
  group.spawn(take(shared, 1, 6));
  group.spawn(take(shared, 2, 4));
  world.run();
  shared.window.set_limit(5);
  group.spawn(take(shared, 3, 2));
  world.run();
  shared.held.erase(shared.held.begin());
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1, 2}));  // 4 of 5 are used
  shared.window.set_limit(6);
  world.run();
  EXPECT_EQ(shared.order, std::vector<int>({1, 2, 3}));
  shared.held.clear();
}
