// Handshakes over a simulated network: in time or given up, cluster by cluster, and the same in every run of a seed.
#include "base/deadline.h"
#include "tests/sim/world.h"
#include "tests/unit/net/handshake_rig.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;

namespace {
constexpr std::uint16_t kPort = 7400;
constexpr Duration kPatience = seconds(5);

// What a machine is: of which cluster, with which identity.
struct Settings {
  std::uint64_t cluster = 1;
  std::uint64_t seed = 1;
  Transport transport = Transport::tls;
};

// What came of the handshakes of all machines.
struct Count {
  int accepted = 0, refused = 0, mixed = 0, timed_out = 0;
};

struct Node {
  Node(Env& env, Settings settings) : credentials(make_cluster(settings.cluster), make_secret(1)) {
    local.identity = make_identity(settings.seed);
    local.transport = settings.transport;
    handshaker.emplace(env.random(), local, credentials, Presented());
  }
  LocalEnd local;
  MemoryCredentials credentials;
  std::optional<SecureHandshaker> handshaker;
};

Task<void> accept_one(Env& env, Settings settings, std::unique_ptr<Connection> connection, Count* count) {
  Node node(env, settings);
  auto secured = co_await with_timeout(env, kPatience, node.handshaker->as_server(std::move(connection)));
  if (secured.is(Code::timed_out)) ++count->timed_out;
  if (!secured.ok()) co_return;
  if (secured->peer.cluster != make_cluster(settings.cluster)) ++count->mixed;
  std::array<std::uint8_t, 1> end;
  auto left = co_await secured->connection->read_some(end);
  secured->connection->close();
}

Task<void> serve(Env& env, Settings settings, Count* count) {
  TaskGroup group(env.loop());
  Address any;
  any.port = kPort;
  auto listener = env.network().listen(any);
  REQUIRE(listener.ok());
  while (true) {
    auto connection = co_await (*listener)->accept();
    if (!connection.ok()) break;
    group.spawn(accept_one(env, settings, std::move(*connection), count));
  }
  co_await group.stop();
}

Task<bool> call(Env& env, Settings settings, Address to, std::uint64_t cluster_there, Count* count) {
  Node node(env, settings);
  auto connection = co_await env.network().connect(to);
  if (!connection.ok()) co_return false;
  auto secured = co_await with_timeout(env, kPatience,
                                       node.handshaker->as_client(std::move(*connection), std::nullopt, Purpose::bulk));
  if (!secured.ok()) {
    ++count->refused;
    EXPECT_EQ(secured.is(Code::wrong_cluster), settings.cluster != cluster_there);
    co_return false;
  }
  ++count->accepted;
  if (settings.cluster != cluster_there) ++count->mixed;
  secured->connection->close();
  co_return true;
}

// Every machine calls every other; returns the hash of all that happened.
std::uint64_t everybody_calls(std::uint64_t seed, Transport transport, Count& count) {
  sim::WorldOptions options;
  options.network.read_splits = 0.5;
  options.network.trace_content = true;
  sim::World world(seed, options);
  constexpr std::uint64_t kMachines = 6;
  auto settings_of = [transport](std::uint64_t number) {
    Settings settings;
    settings.cluster = 1 + number % 2;
    settings.seed = number;
    settings.transport = transport;
    return settings;
  };
  for (std::uint64_t i = 1; i <= kMachines; ++i) {
    sim::Machine& machine = world.add_machine();
    machine.start(sim::program(serve, settings_of(i), &count));
  }
  for (std::uint64_t i = 1; i <= kMachines; ++i)
    for (std::uint64_t j = 1; j <= kMachines; ++j)
      if (i != j)
        world.run(world.machine(i), call, settings_of(i), world.machine(j).address(kPort), settings_of(j).cluster,
                  &count);
  world.run_for(seconds(10));
  return world.trace().hash();
}

// Sends a byte at a time, never the last one.
Task<bool> drip(Env& env, Address to, ByteVector bytes) {
  auto connection = co_await env.network().connect(to);
  REQUIRE(connection.ok());
  for (std::uint8_t byte : bytes) {
    ByteView piece(&byte, 1);
    Status written = co_await (*connection)->write(std::span<const ByteView>(&piece, 1));
    if (!written.ok()) co_return true;
    Status slept = co_await sleep_for(env, seconds(1));
    if (!slept.ok()) co_return false;
  }
  co_return false;
}

}  // namespace

TEST_CASE("two clusters on one network never mix, and say why") {
  for (Transport transport : {Transport::tls, Transport::plain}) {
    Count count;
    everybody_calls(1, transport, count);
    EXPECT_EQ(count.accepted, 12);
    EXPECT_EQ(count.refused, 18);
    EXPECT_EQ(count.mixed, 0);
  }
}

TEST_CASE("handshakes of one seed are the same bytes at the same times in every run") {
  for (Transport transport : {Transport::tls, Transport::plain}) {
    Count count;
    std::uint64_t once = everybody_calls(7, transport, count);
    EXPECT_EQ(everybody_calls(7, transport, count), once);
    EXPECT_NE(everybody_calls(8, transport, count), once);
  }
}

TEST_CASE(
    "a caller that drips its first message byte by byte is given up at the deadline, others are served meanwhile") {
  for (std::uint8_t first : {std::uint8_t(0x16), std::uint8_t('V')}) {
    sim::World world(3);
    Settings settings;
    settings.transport = Transport::plain;
    Count count;
    sim::Machine& node = world.add_machine();
    sim::Machine& slow = world.add_machine();
    sim::Machine& honest = world.add_machine();
    node.start(sim::program(serve, settings, &count));
    ByteVector bytes = {first, 3, 1, 0x20, 0};
    if (first == 'V') bytes = {'V', 'X', 'N', 'H', 1, 0, 200, 0};
    bytes.resize(60);
    auto dripping = [](Env& env, Address to, ByteVector what, bool* cut) -> Task<void> {
      *cut = co_await drip(env, to, std::move(what));
    };
    bool cut = false;
    slow.spawn(dripping(slow.env(), node.address(kPort), bytes, &cut));
    world.run_for(seconds(2));
    settings.seed = 2;
    EXPECT(world.run(honest, call, settings, node.address(kPort), settings.cluster, &count));
    EXPECT(!cut);
    world.run_for(seconds(10));
    EXPECT_EQ(count.timed_out, 1);
    EXPECT(cut);
  }
}
