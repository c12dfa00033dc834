#include "net/peers.h"

#include "base/metrics.h"
#include "net/messages/chunk.h"
#include "tests/sim/fabric.h"
#include "tests/unit/net/node.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;
using vortex::sim::Machine;
using vortex::sim::World;

namespace {

struct Pair {
  explicit Pair(std::uint64_t seed) : world(seed), a(world.add_machine()), b(world.add_machine()) {
    start_node(a);
    start_node(b);
  }
  NetProgram& at_a() { return a.as<NetProgram>(); }
  NetProgram& at_b() { return b.as<NetProgram>(); }
  std::uint64_t total(Machine& machine, std::string_view counter) { return machine.env().metrics().total(counter); }

  template <class Method = Echo>
  Result<Reply<Method>> call(typename Method::Request request, CallOptions options = CallOptions()) {
    auto body = [&](Env&) { return at_a().peers.call<Method>(target_of(b), std::move(request), std::move(options)); };
    return world.run(a, body);
  }
  Result<Reply<Echo>> echo(std::string_view text, Duration timeout = seconds(5)) {
    return call<Echo>(echo_request(text), CallOptions(timeout));
  }

  World world;
  Machine& a;
  Machine& b;
};

}  // namespace

TEST_CASE("a call connects on demand, and the connection is used again") {
  Pair pair(1);
  for (int i = 0; i < 5; ++i) {
    auto reply = pair.echo("hello");
    REQUIRE(reply.ok());
    EXPECT_EQ(as_text(reply->response.data), "hello");
  }
  EXPECT_EQ(pair.total(pair.a, "vortex_net_connects_total"), 1);
  EXPECT_EQ(pair.at_b().server.channels(), 1);
}

TEST_CASE("bulk travels over a connection of its own") {
  Pair pair(2);
  EXPECT(pair.echo("control").ok());
  CallOptions options(seconds(5), Buffer::allocate(1 << 20));
  EchoBulkRequest request;
  request.answer_bytes = 1000;
  auto reply = pair.call<EchoBulk>(request, std::move(options));
  REQUIRE(reply.ok());
  EXPECT_EQ(reply->response.received_bytes, 1 << 20);
  EXPECT_EQ(reply->payload.size(), 1000);
  EXPECT_EQ(pair.at_b().server.channels(), 2);
}

TEST_CASE("a node that restarted is called over a new connection") {
  Pair pair(3);
  EXPECT(pair.echo("before").ok());
  pair.b.restart();
  pair.world.run_for(seconds(1));
  EXPECT(pair.echo("after").ok());
  pair.b.stop();
  pair.world.run_for(seconds(1));
  EXPECT(!pair.b.running());
  EXPECT(pair.echo("nobody there").is(Code::unreachable));
}

TEST_CASE("attempts to connect are put off, longer after each failure, and say so") {
  Pair pair(4);
  pair.b.kill();
  int downs = 0;
  pair.at_a().peers.on_down([&downs](const NodeId&, const Error&) { ++downs; });
  for (int i = 0; i < 1000; ++i) {
    auto reply = pair.echo("?");
    REQUIRE(reply.is(Code::unreachable));
    pair.world.run_for(milliseconds(20));
  }
  std::uint64_t attempts = pair.total(pair.a, "vortex_net_connects_failed_total");
  EXPECT_GE(attempts, 5);
  EXPECT_LE(attempts, 12);
  EXPECT_EQ(downs, static_cast<int>(attempts));
  auto refused = pair.echo("?");
  EXPECT_GT(refused.error().retry_after_ms(), 0);
  start_node(pair.b);
  pair.world.run_for(kBackoffMax * 2);
  EXPECT(pair.echo("back").ok());
}

TEST_CASE("a new address is tried at once") {
  Pair pair(5);
  Machine& c = pair.world.add_machine();
  pair.b.kill();
  EXPECT(pair.echo("?").is(Code::unreachable));
  c.start([](Env& env) -> std::unique_ptr<sim::Program> { return std::make_unique<NetProgram>(env, 2); });
  auto body = [&](Env&) {
    return pair.at_a().peers.call<Echo>(Target(id_of(2), c.address(kPort)), echo_request("moved"));
  };
  EXPECT(pair.world.run(pair.a, body).ok());
}

TEST_CASE("another node at the address is not taken for the one that is called") {
  Pair pair(6);
  auto body = [&](Env&) {
    return pair.at_a().peers.call<Echo>(Target(id_of(9), pair.b.address(kPort)), echo_request("?"));
  };
  EXPECT(pair.world.run(pair.a, body).is(Code::unauthenticated));
}

TEST_CASE("a call ends by its deadline though the other side has vanished") {
  Pair pair(7);
  EXPECT(pair.echo("there").ok());
  pair.world.network().cut(pair.a, pair.b);
  Duration before = pair.world.now();
  EXPECT(pair.echo("lost", milliseconds(700)).is(Code::timed_out));
  EXPECT_LE(pair.world.now() - before, milliseconds(750));
  pair.world.network().heal_all();
  EXPECT(pair.echo("found", seconds(60)).ok());
}

TEST_CASE("a request lost with a kept connection is sent again when that is safe") {
  Pair pair(8);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(pair.echo("x").ok());
    pair.world.run_for(seconds(2));
    pair.world.network().reset(pair.a, pair.b);
    auto reply = pair.echo("after a reset", seconds(30));
    INFO((reply.ok() ? std::string() : reply.error().to_string()));
    EXPECT(reply.ok());
  }
}

TEST_CASE("idle connections are closed, and unused peers forgotten") {
  Pair pair(9);
  EXPECT(pair.echo("x").ok());
  pair.world.run_for(kIdleClose - seconds(20));
  EXPECT_EQ(pair.at_a().peers.connections(), 1);
  pair.world.run_for(seconds(40));
  EXPECT_EQ(pair.at_a().peers.connections(), 0);
  EXPECT_EQ(pair.at_b().server.channels(), 0);
  pair.world.run_for(kIdleClose);
  EXPECT_EQ(pair.at_a().peers.known(), 0);
  EXPECT_EQ(pair.world.network().connections(), 0);
  EXPECT(pair.echo("again").ok());
}

TEST_CASE("who connects and proves nothing is closed after a while, and cannot keep others out") {
  Pair pair(10);
  Machine& attacker = pair.world.add_machine();
  auto hold = [](Env& env, Address at) -> Task<void> {
    std::vector<std::unique_ptr<Connection>> held;
    for (std::size_t i = 0; i < 2 * kHandshakesMax; ++i) {
      auto connection = co_await env.network().connect(at);
      if (connection.ok()) held.push_back(std::move(*connection));
    }
    co_await sleep_for(env, std::chrono::hours(1));
  };
  attacker.spawn(hold(attacker.env(), pair.b.address(kPort)));
  bool most_seen = false;
  for (int i = 0; i < 100; ++i) {
    pair.world.run_for(milliseconds(5));
    EXPECT_LE(pair.at_b().server.handshakes(), kHandshakesMax + 1);
    most_seen = most_seen || pair.at_b().server.handshakes() >= kHandshakesMax;
    if (i % 10 == 0) EXPECT(pair.echo("honest").ok());
  }
  EXPECT(most_seen);
  pair.world.run_for(kHandshakePatience + seconds(1));
  EXPECT_EQ(pair.at_b().server.handshakes(), 0);
}

TEST_CASE("a crash in the middle of many calls leaves nothing behind") {
  for (std::uint64_t seed = 20; seed < 30; ++seed) {
    Pair pair(seed);
    auto chatter = [](NetProgram& node, Target to) -> Task<void> {
      while (true) {
        auto reply = co_await node.peers.call<Echo>(to, echo_request("x"), CallOptions(milliseconds(300)));
        if (reply.is(Code::cancelled) || reply.is(Code::closed)) break;
        Status slept = co_await sleep_for(node.env(), milliseconds(1));
        if (!slept.ok()) break;
      }
    };
    for (int i = 0; i < 20; ++i) pair.a.spawn(chatter(pair.at_a(), target_of(pair.b)));
    pair.world.run_for(milliseconds(100));
    pair.b.power_cut();
    pair.world.run_for(milliseconds(500));
    pair.b.start();
    pair.world.run_for(seconds(2));
    pair.a.kill();
    pair.world.run_for(seconds(1));
    EXPECT_EQ(pair.at_b().board.load.requests(), 0);
    EXPECT_EQ(pair.at_b().server.channels(), 0);
  }
}

TEST_CASE("a connection that is not needed any more is let go, one that is in use is not") {
  Pair pair(31);
  EXPECT(pair.echo("there").ok());
  Target to = target_of(pair.b);
  EXPECT(pair.at_a().peers.connected(to));
  pair.at_a().peers.let_go(to);
  pair.world.run_for(seconds(2));
  EXPECT(!pair.at_a().peers.connected(to));
  EXPECT_EQ(pair.at_b().server.channels(), 0);
  EXPECT(pair.echo("again").ok());
}

TEST_CASE("both ends are told whom a handshake has proven") {
  World world(32);
  Machine& a = world.add_machine();
  Machine& b = world.add_machine();
  NetProgram& at_a = start_node(a);
  NetProgram& at_b = start_node(b);
  std::vector<NodeId> seen_by_a, seen_by_b;
  at_a.board.on_proven([&](const PeerInfo& peer) { seen_by_a.push_back(peer.id); });
  at_b.board.on_proven([&](const PeerInfo& peer) { seen_by_b.push_back(peer.id); });
  auto body = [&](Env&) { return at_a.peers.call<Echo>(target_of(b), echo_request("hello")); };
  EXPECT(world.run(a, body).ok());
  EXPECT_EQ(seen_by_a, std::vector<NodeId>(1, id_of(2)));
  EXPECT_EQ(seen_by_b, std::vector<NodeId>(1, id_of(1)));
}

TEST_CASE("connections without use are closed after the time that was set") {
  Pair pair(33);
  pair.at_a().peers.set_idle_close(seconds(2));
  EXPECT(pair.echo("there").ok());
  pair.world.run_for(seconds(5));
  EXPECT(!pair.at_a().peers.connected(target_of(pair.b)));
}

TEST_CASE("a node that is dismissed while it is dialled is not called") {
  Pair pair(11);
  std::optional<Result<Reply<Echo>>> result;
  auto calling = pair.at_a().peers.call<Echo>(target_of(pair.b), echo_request("x"));
  auto deliver = [](Task<Result<Reply<Echo>>> task, std::optional<Result<Reply<Echo>>>* out) -> Task<void> {
    auto reply = co_await std::move(task);
    out->emplace(std::move(reply));
  };
  pair.a.spawn(deliver(std::move(calling), &result));
  pair.world.run_for(microseconds(1));
  REQUIRE(!result);
  pair.at_a().peers.close(id_of(pair.b.number()), Error(Code::permission_denied, "evicted"));
  pair.world.run_for(seconds(1));
  REQUIRE(result);
  EXPECT(result->is(Code::permission_denied));
  EXPECT_EQ(pair.at_a().peers.connections(), 0);
  EXPECT_EQ(pair.at_b().server.channels(), 0);
}

TEST_CASE("a node is called over a new connection though a handler of the old one cannot be cancelled") {
  World world(12);
  Machine& a = world.add_machine();
  Machine& b = world.add_machine();
  start_node(a);
  start_node(b);
  NetProgram& at_a = a.as<NetProgram>();
  NetProgram& at_b = b.as<NetProgram>();
  // What b is asked it asks back, and a does not come to an end with the answer.
  Parking stuck(a.env().loop());
  auto stay = [](Parking& parking) -> Task<Result<SyncChunksResponse>> {
    co_await parking.park_uncancellable();
    co_return SyncChunksResponse();
  };
  at_a.dispatcher.on<SyncChunks>([&stuck, stay](Context, SyncChunksRequest) { return stay(stuck); });
  auto ask_back = [](Channel& channel) -> Task<Result<TouchChunkResponse>> {
    auto reply = co_await channel.call<SyncChunks>(SyncChunksRequest());
    co_return TouchChunkResponse();
  };
  at_b.dispatcher.on<TouchChunk>([ask_back](Context context, TouchChunkRequest) { return ask_back(*context.channel); });
  auto ask = [&](Env&) {
    return at_a.peers.call<TouchChunk>(target_of(b), TouchChunkRequest(), CallOptions(milliseconds(500)));
  };
  EXPECT(!world.run(a, ask).ok());
  REQUIRE(stuck.occupied());
  world.run_for(2 * kShortLife);
  world.network().reset(a, b);
  world.run_for(milliseconds(100));
  auto echo = [&](Env&) {
    return at_a.peers.call<Echo>(target_of(b), echo_request("again"), CallOptions(milliseconds(500)));
  };
  EXPECT(world.run(a, echo).ok());
  EXPECT_EQ(at_a.peers.connections(), 2);
  stuck.wake();
  world.run_for(seconds(1));
  EXPECT_EQ(at_a.peers.connections(), 1);
}

TEST_CASE("there are never more connections than the limit, also when all of them are in use") {
  sim::WorldOptions options;
  options.log_level = LogLevel::warn;
  World world(13, options);
  Machine& a = world.add_machine();
  Machine& b = world.add_machine();
  start_node(a);
  start_node(b);
  NetProgram& at_a = a.as<NetProgram>();
  NetProgram& at_b = b.as<NetProgram>();
  auto stay = [](Env& env) -> Task<Result<TouchChunkResponse>> {
    Status slept = co_await sleep_for(env, std::chrono::hours(1));
    co_return TouchChunkResponse();
  };
  at_b.dispatcher.on<TouchChunk>([&at_b, stay](Context, TouchChunkRequest) { return stay(at_b.env()); });
  // Each port counts as a peer of its own.
  constexpr std::size_t kPortsTried = kLinksMax + 200;
  std::vector<std::unique_ptr<Server>> servers;
  auto call = [](Peers& peers, Address at, std::size_t* busy) -> Task<void> {
    auto reply = co_await peers.call<TouchChunk>(Target(at), TouchChunkRequest(), CallOptions(seconds(30)));
    if (reply.is(Code::busy)) ++*busy;
  };
  auto open = [](NetProgram& node, Address at, std::vector<std::unique_ptr<Server>>* all) -> Task<void> {
    all->push_back(std::make_unique<Server>(node.board, node.handshaker));
    REQUIRE(all->back()->listen(at).ok());
    co_return;
  };
  std::size_t busy = 0, most = 0;
  for (std::size_t i = 0; i < kPortsTried; ++i) {
    Address at = b.address(static_cast<std::uint16_t>(10'000 + i));
    b.spawn(open(at_b, at, &servers));
    a.spawn(call(at_a.peers, at, &busy));
    if (i % 20 == 19) world.run_for(milliseconds(20));
    most = std::max(most, at_a.peers.connections());
  }
  world.run_for(seconds(2));
  EXPECT_EQ(at_a.peers.connections(), kLinksMax);
  EXPECT_LE(most, kLinksMax);
  EXPECT_EQ(busy, kPortsTried - kLinksMax);
  auto stop_all = [](std::vector<std::unique_ptr<Server>>* all) -> Task<void> {
    for (auto& one : *all) co_await one->stop();
  };
  b.spawn(stop_all(&servers));
  world.run_for(seconds(40));
}

TEST_CASE("so many wait for a connection and no more") {
  World world(12);
  Machine& a = world.add_machine();
  Machine& off = world.add_machine();
  start_node(a);
  off.power_cut();
  Peers& peers = a.as<NetProgram>().peers;
  struct Count {
    std::size_t busy = 0, others = 0;
  } count;
  auto call = [](Peers& from, Target to, Count* ends) -> Task<void> {
    auto reply = co_await from.call<Echo>(std::move(to), EchoRequest(), CallOptions(seconds(2)));
    ++(reply.is(Code::busy) ? ends->busy : ends->others);
  };
  for (std::size_t i = 0; i < kWaitingCallsMax + 10; ++i) a.spawn(call(peers, target_of(off), &count));
  world.run_for(seconds(1));
  EXPECT_EQ(count.busy, 10);
  EXPECT_EQ(count.others, 0);
  world.run_for(seconds(5));
  EXPECT_EQ(count.others, kWaitingCallsMax);
}
