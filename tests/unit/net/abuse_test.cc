// Peers that are let in and then do what they should not.
#include "net/basic_service.h"
#include "net/messages/all.h"
#include "tests/sim/fabric.h"
#include "tests/unit/net/node.h"
#include "tests/unit/net/pipe_world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;
using vortex::sim::Machine;
using vortex::sim::World;

TEST_CASE("what a handler could not reach, or had cancelled, is not taken for the fate of the call") {
  for (Code code : {Code::unreachable, Code::cancelled}) {
    PipeWorld world;
    Dispatcher dispatcher;
    dispatcher.on<Echo>([code](Context&, EchoRequest&) -> Result<EchoResponse> {
      return Error(code, "somewhere behind").with_retry_after(4'000'000'000u);
    });
    Switchboard board(world, dispatcher);
    Pipe pipe(world.loop());
    RunningChannel client(world, board, std::move(pipe.client), Role::member);
    RunningChannel server(world, board, std::move(pipe.server), Role::client);
    auto reply = world.run(client->call<Echo>(echo_request("x")));
    EXPECT(reply.is(Code::closed));
    EXPECT_EQ(reply.error().message(), "somewhere behind");
    EXPECT_EQ(reply.error().retry_after_ms(), kRetryAfterMaxMs);
    EXPECT(client->open());
  }
}

TEST_CASE("a request that comes byte by byte does not hold its place for ever") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::request);
  header.method = Echo::kInfo.number;
  header.request_id = 1;
  header.deadline_ms = ~std::uint32_t(0);
  header.flags = kFlagPayloadSum;
  header.payload_length = kPayloadMax;
  ByteVector bytes(kFrameHeaderSize);
  store_header(header, bytes.data());
  ByteView piece(bytes);
  REQUIRE(world.run(pipe.client->write(std::span<const ByteView>(&piece, 1))).ok());
  EXPECT_GE(board.load.bytes(), kPayloadMax);
  std::uint8_t zero = 0;
  ByteView drop(&zero, 1);
  for (int i = 0; i < 60 && server->open(); ++i) {
    world.advance(seconds(5));
    Status sent = world.run(pipe.client->write(std::span<const ByteView>(&drop, 1)));
    if (!sent.ok()) break;
  }
  REQUIRE(!server->open());
  EXPECT_EQ(server->closed_because().message(), "the peer does not finish its request");
  world.advance(2 * kLinger);
  EXPECT_EQ(board.load.bytes(), 0);
}
