#include "base/mailbox.h"

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/base/loop_world.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {
Task<void> consume(Mailbox<std::unique_ptr<int>>& from, std::vector<int>& into, Code& end) {
  while (true) {
    auto item = co_await from.pop();
    if (!item.ok()) {
      end = item.error().code();
      co_return;
    }
    into.push_back(**item);
  }
}

Task<void> produce(Mailbox<std::unique_ptr<int>>& into, int first, int last, Code& end) {
  for (int i = first; i <= last; ++i) {
    auto item = std::make_unique<int>(i);
    auto pushed = co_await into.push(std::move(item));
    if (!pushed.ok()) {
      end = pushed.error().code();
      co_return;
    }
  }
}
}  // namespace

TEST_CASE("a mailbox hands everything over in order, however small it is") {
  LoopWorld world;
  Mailbox<std::unique_ptr<int>> box(world.loop, 2);
  std::vector<int> got;
  Code consumer_end = Code::internal, producer_end = Code::internal;
  TaskGroup group(world.loop);
  group.spawn(produce(box, 1, 100, producer_end));
  group.spawn(consume(box, got, consumer_end));
  world.run();
  REQUIRE_EQ(got.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i + 1);
  box.close();
  world.run();
  EXPECT(consumer_end == Code::closed);
  EXPECT_EQ(group.size(), 0);
}

TEST_CASE("a mailbox never holds more than its limit") {
  LoopWorld world;
  Mailbox<std::unique_ptr<int>> box(world.loop, 3);
  Code end = Code::internal;
  TaskGroup group(world.loop);
  group.spawn(produce(box, 1, 10, end));
  world.run();
  EXPECT_EQ(box.size(), 3);
  auto more = std::make_unique<int>(99);
  EXPECT(!box.try_push(std::move(more)));
  EXPECT(more != nullptr);
  EXPECT_EQ(**box.try_pop(), 1);
  world.run();
  EXPECT_EQ(box.size(), 3);
  group.cancel();
  world.run();
  EXPECT(end == Code::cancelled);
  EXPECT_EQ(group.size(), 0);
}

TEST_CASE("a closed mailbox takes nothing more but gives what it has") {
  LoopWorld world;
  Mailbox<std::unique_ptr<int>> box(world.loop, 2);
  std::vector<int> got;
  Code consumer_end = Code::internal, producer_end = Code::internal;
  TaskGroup group(world.loop);
  group.spawn(produce(box, 1, 3, producer_end));
  world.run();
  box.close();
  world.run();
  EXPECT(producer_end == Code::closed);
  group.spawn(consume(box, got, consumer_end));
  world.run();
  EXPECT_EQ(got, std::vector<int>({1, 2}));
  EXPECT(consumer_end == Code::closed);
}

TEST_CASE("no item is lost when a consumer is cancelled in the moment it is woken") {
  LoopWorld world;
  Mailbox<std::unique_ptr<int>> box(world.loop, 8);
  std::vector<int> first, second;
  Code first_end = Code::internal, second_end = Code::internal;
  TaskGroup doomed(world.loop), healthy(world.loop);
  doomed.spawn(consume(box, first, first_end));
  world.run();
  healthy.spawn(consume(box, second, second_end));
  world.run();
  EXPECT(box.try_push(std::make_unique<int>(7)));
  doomed.cancel();
  world.run();
  EXPECT_EQ(first.size() + second.size(), 1);
  EXPECT(box.empty());
  box.close();
  world.run();
  EXPECT(first_end == Code::cancelled);
  EXPECT(second_end == Code::closed);
}
