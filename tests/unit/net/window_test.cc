#include <memory>

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
