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
