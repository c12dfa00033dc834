#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "net/basic_service.h"
#include "net/messages/basic.h"
#include "tests/unit/net/pipe_world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;

namespace {
struct Kept final : TypedCall<Echo> {
  void done(Result<Reply<Echo>>) override {}
};
}  // namespace

TEST_CASE("a window that is exactly full takes nothing more") {
  PipeWorld world;
  Dispatcher dispatcher;
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  pipe.to_server->capacity = 0;
  RunningChannel client(world, board, std::move(pipe.client), Role::member);
  std::vector<std::unique_ptr<Kept>> calls;
  EchoRequest request;
  std::size_t frame = kFrameHeaderSize + 4;
  std::size_t left = kConnectionBytesMax;
  while (left > 0) {
    std::size_t size = std::min(left, kPayloadMax);
    calls.push_back(std::make_unique<Kept>());
    REQUIRE(client->start(*calls.back(), request, seconds(1), Buffer::allocate(size)).ok());
    left = left - size > frame ? left - size - frame : 0;
  }
  for (int i = 0; i < 20; ++i) {
    Kept more;
    EXPECT(client->start(more, request, seconds(1), Buffer::allocate(kPayloadMax)).is(Code::busy));
  }
}

TEST_CASE("whoever has one of two answers that came together may drop the other call") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  RunningChannel client(world, board, std::move(pipe.client), Role::member);
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  auto body = [](Channel& channel, Loop& loop) -> Task<bool> {
    auto first = std::make_unique<AwaitedCall<Echo>>(loop);
    auto second = std::make_unique<AwaitedCall<Echo>>(loop);
    EchoRequest request;
    Status started = channel.start(*first, request, seconds(1));
    Status also = channel.start(*second, request, seconds(1));
    auto answer = co_await first->wait();
    co_return started.ok() && also.ok() && answer.ok();
  };
  EXPECT(world.run(body(*client, world.loop())));
}

namespace {
// A caller whose window is full of calls to a peer that reads nothing.
struct FullWindow {
  explicit FullWindow(std::size_t payload) {
    pipe.to_server->capacity = 0;
    client.emplace(world, board, std::move(pipe.client), Role::member);
    for (;; payload /= 2) {
      while ((*client)->has_room(payload)) start(payload, seconds(25));
      if (payload == 0) break;
    }
  }
  void start(std::size_t payload, Duration timeout) {
    calls.push_back(std::make_unique<Kept>());
    Buffer bytes = payload > 0 ? Buffer::allocate(payload) : Buffer();
    REQUIRE((*client)->start(*calls.back(), EchoRequest(), timeout, std::move(bytes)).ok());
  }
  // One that waits.
  void call(std::size_t data, Duration timeout) {
    EchoRequest request;
    request.data.resize(data);
    waiting.emplace_back();
    world.tasks.spawn(
        PipeWorld::deliver((*client)->call<Echo>(std::move(request), CallOptions(timeout)), waiting.back()));
    world.settle();
  }
  std::list<std::optional<Result<Reply<Echo>>>> waiting;
  PipeWorld world;
  Dispatcher dispatcher;
  Switchboard board{world, dispatcher};
  Pipe pipe{world.loop()};
  std::optional<RunningChannel> client;
  std::vector<std::unique_ptr<Kept>> calls;
};
}  // namespace

TEST_CASE("room that is told to a caller in the moment when its time is over goes to the next one") {
  FullWindow full(0);
  full.calls.pop_back();
  full.start(0, seconds(1));
  full.call(1, seconds(1));
  full.call(1, seconds(20));
  REQUIRE((*full.client)->calls_in_flight() == kConnectionRequestsMax);
  // A call's time is over and that of the first who waits, before anybody runs.
  full.world.oversleep(seconds(1));
  REQUIRE(full.waiting.front());
  EXPECT(full.waiting.front()->is(Code::timed_out));
  EXPECT_EQ((*full.client)->calls_in_flight(), kConnectionRequestsMax);
}

TEST_CASE("room that a caller could not use goes to the next one") {
  FullWindow full(0);
  full.call(Echo::kInfo.body_max, seconds(20));  // too large, which only sending shows
  full.call(1, seconds(20));
  full.calls.pop_back();
  full.world.settle();
  REQUIRE(full.waiting.front());
  EXPECT(full.waiting.front()->is(Code::too_large));
  EXPECT_EQ((*full.client)->calls_in_flight(), kConnectionRequestsMax);
}

TEST_CASE("room for many is used by many, though one large call made it") {
  FullWindow full(kPayloadMax);
  std::size_t before = (*full.client)->calls_in_flight();
  for (int i = 0; i < 10; ++i) full.call(1, seconds(20));
  REQUIRE((*full.client)->calls_in_flight() == before);
  full.calls.front().reset();
  full.world.settle();
  EXPECT_EQ((*full.client)->calls_in_flight(), before - 1 + 10);
}
