#include "net/server.h"

#include "net/basic_service.h"
#include "net/messages/basic.h"
#include "tests/sim/fabric.h"
#include "tests/unit/net/node.h"
#include "tests/unit/net/pipe_world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;
using vortex::sim::Machine;
using vortex::sim::World;

namespace {

// A listener that gives what the test puts in.
class ScriptedListener final : public Listener {
 public:
  struct Script {
    explicit Script(Loop& loop) : changed(loop) {}
    std::deque<Result<std::unique_ptr<Connection>>> next;
    Event changed;
    void add(Result<std::unique_ptr<Connection>> one) {
      next.push_back(std::move(one));
      changed.notify_all();
    }
  };
  explicit ScriptedListener(Script& script) : script_(script) {}
  Task<Result<std::unique_ptr<Connection>>> accept() override {
    while (script_.next.empty()) {
      if (closed_) co_return Code::closed;
      bool woken = co_await script_.changed.wait();
      if (!woken) co_return Code::cancelled;
    }
    auto one = std::move(script_.next.front());
    script_.next.pop_front();
    co_return one;
  }
  void close() override {
    closed_ = true;
    script_.changed.notify_all();
  }
  Address local() const override { return Address(); }

 private:
  Script& script_;
  bool closed_ = false;
};

class ScriptedNetwork final : public Network {
 public:
  explicit ScriptedNetwork(Loop& loop) : script(loop) {}
  Task<Result<std::unique_ptr<Connection>>> connect(Address) override { co_return Code::unreachable; }
  Result<std::unique_ptr<Listener>> listen(const Address&) override {
    std::unique_ptr<Listener> listener = std::make_unique<ScriptedListener>(script);
    return listener;
  }
  ScriptedListener::Script script;
};

// Believes everybody to be `peer`, when the test says so.
class HeldHandshaker final : public Handshaker {
 public:
  explicit HeldHandshaker(Loop& loop) : go_on(loop) {}
  Task<Result<Secured>> as_client(std::unique_ptr<Connection>, std::optional<NodeId>, Purpose) override {
    co_return Code::internal;
  }
  Task<Result<Secured>> as_server(std::unique_ptr<Connection> connection) override {
    ++begun;
    while (held) {
      bool woken = co_await go_on.wait();
      if (!woken) co_return Code::cancelled;
    }
    co_return Secured(std::move(connection), peer);
  }
  void release() {
    held = false;
    go_on.notify_all();
  }
  bool held = true;
  int begun = 0;
  PeerInfo peer;
  Event go_on;
};

struct Rig {
  Rig() : network(world.loop()), handshaker(world.loop()), board(world, dispatcher), server(board, handshaker) {
    world.use(network);
    REQUIRE(server.listen(Address()).ok());
  }
  ~Rig() {
    world.tasks.spawn(server.stop());
    world.settle();
    world.advance(2 * kLinger);
  }
  void connect() {
    pipes.push_back(std::make_unique<Pipe>(world.loop()));
    network.script.add(std::move(pipes.back()->server));
    world.settle();
  }
  PipeWorld world;
  ScriptedNetwork network;
  HeldHandshaker handshaker;
  Dispatcher dispatcher;
  Switchboard board;
  Server server;
  std::vector<std::unique_ptr<Pipe>> pipes;
};

}  // namespace

TEST_CASE("a connection that was lost while it was accepted does not end the accepting") {
  Rig rig;
  rig.handshaker.release();
  rig.network.script.add(Error(Code::closed, "it hung up"));
  rig.network.script.add(Error(Code::unreachable, "no route"));
  rig.world.settle();
  rig.world.advance(3 * kAcceptRetry);
  rig.connect();
  EXPECT_EQ(rig.server.channels(), 1);
  EXPECT_EQ(rig.world.total("vortex_net_accept_failed_total"), 2);
}

TEST_CASE("who is evicted or loses the access key during the handshake does not come in") {
  NodeId evicted = id_of(7);
  Error reason(Code::permission_denied, "evicted");
  for (int way = 0; way < 5; ++way) {
    Rig rig;
    bool client = way >= 2;
    rig.handshaker.peer.role = client ? Role::client : Role::member;
    rig.handshaker.peer.id = client ? NodeId() : evicted;
    rig.handshaker.peer.credential = client ? "key-1" : "";
    rig.connect();
    REQUIRE(rig.server.handshakes() == 1);
    if (way == 0) rig.server.close_channels(evicted, reason);
    if (way == 1) rig.server.close_channels(id_of(8), reason);
    if (way == 2) rig.server.close_key("key-1", reason);
    if (way == 3) rig.server.close_key("key-2", reason);
    // More than can be remembered: nobody comes in who could have been meant.
    for (std::size_t i = 0; way == 4 && i <= kDismissalsMax; ++i) rig.server.close_key("key-3", reason);
    rig.handshaker.release();
    rig.world.settle();
    bool let_in = way == 1 || way == 3;
    EXPECT_EQ(rig.server.channels(), let_in ? 1 : 0);
    // Who comes afterwards was not meant.
    rig.connect();
    EXPECT_EQ(rig.server.channels(), let_in ? 2 : 1);
  }
}

TEST_CASE("revoking an access key ends the connections that came with it and no others") {
  Rig rig;
  rig.handshaker.release();
  for (const char* key : {"key-1", "key-2", "key-1"}) {
    rig.handshaker.peer.role = Role::client;
    rig.handshaker.peer.credential = key;
    rig.connect();
  }
  rig.handshaker.peer.role = Role::joiner;
  rig.connect();
  REQUIRE(rig.server.channels() == 4);
  rig.server.close_key("key-1", Error(Code::permission_denied, "revoked"));
  rig.world.advance(2 * kLinger);
  EXPECT_EQ(rig.server.channels(), 2);
}

TEST_CASE("handshakes begin at a bounded rate, and those of members are not held up by strangers") {
  PipeWorld world;
  MemberHosts members;
  Door door(world, members);
  members.add("10.0.0.1");
  std::size_t begun = 0;
  auto knock = [&](const std::string& host) {
    Door::Host& visitor = door.arrive(host);
    bool in = door.knock(visitor) == Door::Owed::nothing;
    door.leave(visitor);
    return in;
  };
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 2000; ++i) begun += knock("192.168." + std::to_string(round) + "." + std::to_string(i % 200));
    EXPECT(knock("10.0.0.1"));
    world.advance(milliseconds(100));
  }
  EXPECT_LE(static_cast<double>(begun), kStrangerHandshakesAtOnce + kStrangerHandshakesPerSecond);
  begun = 0;
  for (int i = 0; i < 5000; ++i) begun += knock("10.0.0.1");
  EXPECT_LE(static_cast<double>(begun), kHostHandshakesAtOnce);
  // Whoever can choose freely among the addresses of a network is one host.
  begun = 0;
  for (int i = 0; i < 5000; ++i) begun += knock("2001:db8::" + std::to_string(i % 1000));
  EXPECT_LE(static_cast<double>(begun), kHostHandshakesAtOnce);
  for (std::size_t i = 0; i < 2 * kHostsMax; ++i) knock("host-" + std::to_string(i));
  EXPECT_LE(door.hosts(), kHostsMax);
}

TEST_CASE("a stranger who has to wait for others pays its own host's part once") {
  PipeWorld world;
  MemberHosts members;
  Door door(world, members);
  std::vector<Door::Host*> crowd;
  for (int i = 0; i < 10; ++i) crowd.push_back(&door.arrive("192.168.0." + std::to_string(i)));
  for (std::size_t i = 0; door.knock(*crowd[i % 10]) == Door::Owed::nothing; ++i) {
  }
  Door::Host& late = door.arrive("10.0.0.1");
  Door::Owed owed = door.knock(late);
  REQUIRE(owed == Door::Owed::strangers);
  std::optional<Status> turn;
  world.tasks.spawn(PipeWorld::deliver(door.turn(late, owed), turn));
  world.advance(milliseconds(10));
  REQUIRE(turn);
  REQUIRE(turn->ok());
  // In these 10 ms more came in than one has paid.
  std::size_t left = 0;
  while (late.turns.try_take(1)) ++left;
  EXPECT_EQ(left, static_cast<std::size_t>(kHostHandshakesAtOnce));
  door.leave(late);
  for (Door::Host* host : crowd) door.leave(*host);
}

TEST_CASE("a flood of connections from one host does not keep members out, whether they were here before or not") {
  World world(11);
  Machine& node = world.add_machine();
  Machine& known = world.add_machine();
  Machine& unknown = world.add_machine();
  Machine& attacker = world.add_machine();
  start_node(node);
  start_node(known);
  auto call = [&node](NetProgram& from) {
    return [&node, &from](Env&) {
      return from.peers.call<Echo>(target_of(node), echo_request("member"), CallOptions(seconds(2)));
    };
  };
  REQUIRE(world.run(known, call(known.as<NetProgram>())).ok());
  auto flood = [](Env& env, Address at) -> Task<void> {
    std::deque<std::unique_ptr<Connection>> held;
    while (true) {
      auto connection = co_await env.network().connect(at);
      if (connection.is(Code::cancelled)) co_return;
      // A handshake that looks honest, and is never finished.
      ByteVector bytes(10);
      ByteView piece(bytes);
      if (connection.ok()) {
        Status written = co_await (*connection)->write(std::span<const ByteView>(&piece, 1));
        held.push_back(std::move(*connection));
      }
      if (held.size() > 100) held.pop_front();
      Status slept = co_await sleep_for(env, milliseconds(2));
      if (!slept.ok()) co_return;
    }
  };
  for (int i = 0; i < 10; ++i) attacker.spawn(flood(attacker.env(), node.address(kPort)));
  world.run_for(seconds(3));
  EXPECT_GE(node.env().metrics().total("vortex_net_handshakes_delayed_total"), 1);
  EXPECT_GE(node.env().metrics().total("vortex_net_handshakes_evicted_total"), 1);
  known.restart();
  start_node(unknown);
  world.run_for(milliseconds(100));
  EXPECT(world.run(known, call(known.as<NetProgram>())).ok());
  EXPECT(world.run(unknown, call(unknown.as<NetProgram>())).ok());
}
