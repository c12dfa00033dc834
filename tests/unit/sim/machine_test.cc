#include "tests/sim/machine.h"

#include "tests/sim/drive.h"
#include "tests/sim/fabric.h"
#include "tests/sim/world.h"
#include "tests/unit/sim/echo.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

namespace {

Task<void> keep_busy(Env& env, Address server) {
  while (true) {
    auto answer = co_await ask(env, server, "x");
    if (answer.is(Code::cancelled)) break;
    auto bytes = to_vector(as_bytes("content"));
    Status written = co_await replace_file(env.disk(), "f", bytes);
    if (written.is(Code::cancelled)) break;
    Status slept = co_await sleep_for(env, milliseconds(1));
    if (!slept.ok()) break;
  }
}

}  // namespace

TEST_CASE("a kill unwinds a program in the middle of sleeps, reads and disk calls") {
  World world(3);
  Machine& server = world.add_machine();
  Machine& client = world.add_machine();
  server.start(program(echo_server));
  auto busy = [&server](Env& env) { return keep_busy(env, server.address(kEchoPort)); };
  for (int i = 0; i < 50; ++i) {
    client.start(program(busy));
    world.run_for(microseconds(300 * i));
    client.kill();
    EXPECT(!client.running());
  }
  world.run_for(seconds(1));
  EXPECT_EQ(world.network().connections(), 0);
}
