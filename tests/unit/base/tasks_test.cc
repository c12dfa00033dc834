#include <memory>

#include "base/event.h"
#include "base/finish.h"
#include "base/one_shot.h"
#include "base/task_group.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {
struct World {
  asio::io_context context;
  Loop loop{context};
  void run() {
    context.restart();
    context.poll();
  }
};
}  // namespace

TEST_CASE("a one-shot delivers to a waiter that came first and to one that came later") {
  World world;
  OneShot<int> early(world.loop), late(world.loop);
  int sum = 0;
  TaskGroup group(world.loop);
  auto add = [](OneShot<int>& from, int& into) -> Task<void> {
    auto result = co_await from.wait();
    into += *result;
  };
  late.set(40);
  group.spawn(add(early, sum));
  group.spawn(add(late, sum));
  world.run();
  EXPECT_EQ(sum, 40);
  early.set(2);
  early.set(100);
  world.run();
  EXPECT_EQ(sum, 42);
  EXPECT_EQ(group.size(), 0);
}

TEST_CASE("cancelling a group ends every wait, also those begun afterwards") {
  World world;
  OneShot<int> never(world.loop);
  int cancelled = 0;
  TaskGroup group(world.loop);
  auto body = [](OneShot<int>& from, int& count) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      auto result = co_await from.wait();
      if (result.is(Code::cancelled)) ++count;
    }
  };
  group.spawn(body(never, cancelled));
  world.run();
  group.cancel();
  group.cancel();
  world.run();
  EXPECT_EQ(cancelled, 3);
  group.spawn(body(never, cancelled));
  world.run();
  EXPECT_EQ(cancelled, 6);
  EXPECT_EQ(group.size(), 0);
}

TEST_CASE("a waiter that was woken and then cancelled resumes once") {
  World world;
  TaskGroup group(world.loop);
  int resumed = 0;
  auto parking = std::make_unique<Parking>(world.loop);
  auto body = [](Parking& place, int& count) -> Task<void> {
    co_await place.park();
    ++count;
  };
  group.spawn(body(*parking, resumed));
  world.run();
  parking->wake();
  parking.reset();  // the woken coroutine no longer needs it
  group.cancel();
  world.run();
  EXPECT_EQ(resumed, 1);
}

TEST_CASE("stopping a group unwinds its tasks while the objects they use still live") {
  World world;
  struct Owner {
    explicit Owner(Loop& loop) : event(loop), group(loop) {}
    int alive = 0;
    Event event;
    TaskGroup group;
  };
  auto owner = std::make_unique<Owner>(world.loop);
  struct Guard {
    Owner& owner;
    explicit Guard(Owner& o) : owner(o) { ++owner.alive; }
    ~Guard() { --owner.alive; }
  };
  auto body = [](Owner& it) -> Task<void> {
    Guard guard(it);
    while (co_await it.event.wait()) {
    }
  };
  for (int i = 0; i < 10; ++i) owner->group.spawn(body(*owner));
  world.run();
  EXPECT_EQ(owner->alive, 10);
  EXPECT_EQ(world.loop.parked(), 10);
  owner->event.notify_one();  // one is woken but has not run when the group is stopped
  TaskGroup outer(world.loop);
  outer.spawn(owner->group.stop());
  world.run();
  EXPECT_EQ(owner->alive, 0);
  EXPECT_EQ(world.loop.parked(), 0);
}

TEST_CASE("one task of a group can be cancelled alone") {
  World world;
  OneShot<int> first(world.loop), second(world.loop);
  int cancelled = 0, served = 0;
  TaskGroup group(world.loop);
  auto body = [](OneShot<int>& from, int& ended, int& delivered) -> Task<void> {
    auto result = co_await from.wait();
    ++(result.ok() ? delivered : ended);
  };
  TaskGroup::Handle handle;
  group.spawn(body(first, cancelled, served), handle);
  group.spawn(body(second, cancelled, served));
  world.run();
  group.cancel(handle);
  world.run();
  EXPECT_EQ(cancelled, 1);
  EXPECT_EQ(group.size(), 1);
  second.set(7);
  world.run();
  EXPECT_EQ(served, 1);
}

TEST_CASE(
    "whoever is cancelled while a group of its own finishes cancels that group, before and after it began to wait") {
  for (bool before : {false, true}) {
    World world;
    OneShot<int> never(world.loop);
    int ended = 0;
    TaskGroup group(world.loop);
    auto child = [](OneShot<int>& from, int& count) -> Task<void> {
      auto result = co_await from.wait();
      if (result.is(Code::cancelled)) ++count;
    };
    auto parent = [](Loop& loop, Task<void> task, int& count) -> Task<void> {
      TaskGroup own(loop);
      own.spawn(std::move(task));
      co_await finish(own);
      ++count;
      co_await finish(own);
      ++count;
    };
    if (before) group.cancel();
    group.spawn(parent(world.loop, child(never, ended), ended));
    world.run();
    EXPECT_EQ(ended, before ? 3 : 0);
    group.cancel();
    world.run();
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(group.size(), 0);
  }
}

TEST_CASE("a group that ends by itself is finished without being cancelled") {
  World world;
  OneShot<int> value(world.loop);
  int sum = 0;
  TaskGroup group(world.loop);
  auto child = [](OneShot<int>& from, int& into) -> Task<void> {
    auto result = co_await from.wait();
    into += result.ok() ? *result : 1000;
  };
  auto parent = [](Loop& loop, Task<void> task, OneShot<int>& after, int& into) -> Task<void> {
    TaskGroup own(loop);
    own.spawn(std::move(task));
    co_await finish(own);
    auto cancelled = co_await after.wait();
    if (cancelled.is(Code::cancelled)) into += 100;
  };
  OneShot<int> never(world.loop);
  group.spawn(parent(world.loop, child(value, sum), never, sum));
  world.run();
  value.set(1);
  world.run();
  EXPECT_EQ(sum, 1);
  group.cancel();
  world.run();
  EXPECT_EQ(sum, 101);
}
