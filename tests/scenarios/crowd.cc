// How fast the simulated world is: 2,000 machines that send each other messages, each waiting for its answer.
#include <ctime>

#include "base/task_group.h"
#include "tests/scenarios/rpc_node.h"
#include "tests/sim/fabric.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr std::uint32_t kMachines = 2000;
constexpr std::uint32_t kPeersEach = 3;
constexpr std::uint16_t kRawPort = 7;
constexpr std::size_t kMessage = 64;
constexpr std::uint64_t kMessages = 1'000'000;
constexpr Duration kPatience = seconds(60);
constexpr Duration kConnectWithin = milliseconds(500);

Address address_of(World& world, std::uint64_t number) { return world.machine(number).address(kRpcPort); }

// The neighbour's neighbours: everybody calls three and is called by three.
std::uint64_t peer_of(std::uint32_t number, std::uint32_t which) {
  constexpr std::array<std::uint32_t, kPeersEach> kSteps = {1, 7, 501};
  return (number - 1 + kSteps[which]) % kMachines + 1;
}

Task<Status> send(Connection& connection, ByteView bytes) {
  std::span<const ByteView> pieces(&bytes, 1);
  co_return co_await connection.write(pieces);
}

Task<void> bounce(std::unique_ptr<Connection> connection) {
  std::array<std::uint8_t, kMessage> buffer;
  while (true) {
    auto size = co_await connection->read_some(buffer);
    if (!size.ok()) co_return;
    Status sent = co_await send(*connection, ByteView(buffer.data(), *size));
    if (!sent.ok()) co_return;
  }
}

Task<void> serve_raw(Env& env, TaskGroup& group) {
  Address at;
  at.port = kRawPort;
  auto listener = env.network().listen(at);
  CHECK(listener.ok());
  while (true) {
    auto connection = co_await (*listener)->accept();
    if (!connection.ok()) co_return;
    group.spawn(bounce(std::move(*connection)));
  }
}

Task<void> call_raw(Env& env, Address to, std::uint64_t* messages) {
  Instant begin = env.now() + kConnectWithin;
  auto connection = co_await env.network().connect(to);
  if (!connection.ok()) co_return;
  (void)co_await sleep_until(env, begin);
  std::array<std::uint8_t, kMessage> buffer{};
  while (true) {
    Status sent = co_await send(**connection, buffer);
    if (!sent.ok()) co_return;
    for (std::size_t got = 0; got < kMessage;) {
      auto size = co_await (*connection)->read_some(buffer);
      if (!size.ok()) co_return;
      got += *size;
    }
    *messages += 2;
  }
}

Task<void> raw_node(Env& env, World* world, std::uint32_t number, std::uint32_t, std::uint64_t* messages) {
  TaskGroup group(env.loop());
  group.spawn(serve_raw(env, group));
  for (std::uint32_t i = 0; i < kPeersEach; ++i) {
    Address to = world->machine(peer_of(number, i)).address(kRawPort);
    group.spawn(call_raw(env, to, messages));
  }
  Parking parking(env.loop());
  co_await parking.park();
  co_await group.stop();
}

Task<void> call_rpc(RpcNode& node, Address to, std::uint64_t* messages) {
  // The first call connects; the crowd begins when all have.
  Instant begin = node.env.now() + kConnectWithin;
  while (true) {
    net::CallOptions options(kPatience);
    auto result = co_await node.peers.call<net::Echo>(net::Target(to), echo_request(kMessage), options);
    if (!result.ok()) co_return;
    *messages += 2;
    if (node.env.now() < begin) (void)co_await sleep_until(node.env, begin);
  }
}

// `calls`: in flight to each of its peers.
Task<void> rpc_node(Env& env, World* world, std::uint32_t number, std::uint32_t calls, std::uint64_t* messages) {
  RpcNode node(env, *world, number, RpcSettings());
  Status listening = node.listen();
  CHECK(listening.ok());
  TaskGroup group(env.loop());
  for (std::uint32_t i = 0; i < kPeersEach * calls; ++i)
    group.spawn(call_rpc(node, address_of(*world, peer_of(number, i % kPeersEach)), messages));
  Parking parking(env.loop());
  co_await parking.park();
  co_await group.stop();
  co_await node.stop();
}

// Real time on one core, without what others on the same machine take from it.
double processor_seconds() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

using Node = Task<void> (*)(Env&, World*, std::uint32_t, std::uint32_t, std::uint64_t*);

void crowd(Run& run, Node node, std::uint32_t calls) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  std::uint64_t messages = 0;
  for (std::uint32_t i = 1; i <= kMachines; ++i) world.add_machine();
  for (std::uint32_t i = 1; i <= kMachines; ++i) world.machine(i).start(program(node, &world, i, calls, &messages));
  // Until everybody is connected: what follows is messages only.
  constexpr std::size_t kEnds = 2 * kMachines * kPeersEach;
  Fabric& network = world.network();
  world.run_for(kConnectWithin - milliseconds(1));
  run.expect(network.connections() == kEnds, Verdict::liveness, "not everybody got connected");
  world.run_for(milliseconds(2));
  double began = processor_seconds();
  std::uint64_t before = messages;
  world.run_until([&] { return messages - before >= kMessages; }, kPatience);
  double seconds = processor_seconds() - began;
  run.measure("messages_per_second", static_cast<std::uint64_t>(static_cast<double>(messages - before) / seconds));
  run.expect(messages - before >= kMessages, Verdict::liveness, "the messages do not flow");
}

void crowd_raw(Run& run) { crowd(run, raw_node, 1); }
void crowd_rpc_one(Run& run) { crowd(run, rpc_node, 1); }
void crowd_rpc(Run& run) { crowd(run, rpc_node, 16); }

constexpr Kind kFigure = Kind::figure;
const Registration raw("crowd-raw", "2,000 machines over bare connections: messages a second on one core", crowd_raw,
                       kFigure);
const Registration one("crowd-rpc-one", "2,000 machines over RPC, one call in flight on each connection: the same",
                       crowd_rpc_one, kFigure);
const Registration rpc("crowd-rpc", "2,000 machines over RPC, 16 calls in flight on each connection: the same",
                       crowd_rpc, kFigure);

}  // namespace

}  // namespace vortex::sim
