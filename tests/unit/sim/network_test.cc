#include "tests/sim/connection.h"
#include "tests/sim/fabric.h"
#include "tests/sim/world.h"
#include "tests/unit/sim/echo.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

TEST_CASE("an echo comes back over the network and both ends see the end of the stream") {
  World world(1);
  Machine& server = world.add_machine();
  Machine& client = world.add_machine();
  server.start(program(echo_server));
  auto body = [&server](Env& env) -> Task<Result<std::string>> { return ask(env, server.address(7), "hello"); };
  auto answer = world.run(client, body);
  REQUIRE(answer.ok());
  EXPECT_EQ(*answer, "hello");
  world.run_for(seconds(1));
  EXPECT_EQ(world.network().connections(), 0);
  EXPECT_EQ(world.network().streams(), 0);
}
