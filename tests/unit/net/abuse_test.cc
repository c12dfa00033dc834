// Peers that are let in and then do what they should not.
#include "net/basic_service.h"
#include "net/messages/basic.h"
#include "net/messages/members.h"
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
  EXPECT_EQ(server->closed_because().message(), "the peer does not finish what it has begun to send");
  world.advance(2 * kLinger);
  EXPECT_EQ(board.load.bytes(), 0);
}

TEST_CASE("what was not admitted has no more time to come than anything else, nor has half a header") {
  for (bool refused : {true, false}) {
    PipeWorld world;
    Dispatcher dispatcher;
    Switchboard board(world, dispatcher);
    Pipe pipe(world.loop());
    RunningChannel server(world, board, std::move(pipe.server), Role::client);
    FrameHeader header;
    header.kind = static_cast<std::uint8_t>(Kind::request);
    header.method = CompareMembers::kInfo.number;  // not for clients
    header.request_id = 1;
    header.body_length = kFrameBodyMax;
    ByteVector bytes(kFrameHeaderSize);
    store_header(header, bytes.data());
    bytes.resize(refused ? kFrameHeaderSize : 1);
    std::size_t at = 0;
    auto send = [&](ByteView part) { return world.run(pipe.client->write(std::span<const ByteView>(&part, 1))).ok(); };
    REQUIRE(send(bytes));
    EXPECT_EQ(board.load.requests(), 0);
    for (; at < 30 && server->open(); ++at) {
      world.advance(seconds(5));
      if (server->open()) REQUIRE(send(ByteVector(1, bytes[0])));
    }
    // 30 s, what a body of 1 MiB may take, and the time until the first look.
    EXPECT_LE(at, (30 + 16 + 15) / 5 + 1);
    REQUIRE(!server->open());
    EXPECT_EQ(server->closed_because().message(), "the peer does not finish what it has begun to send");
  }
}

TEST_CASE("many frames in a row may take any time together") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::ping);
  header.request_id = 1;
  ByteVector bytes(kFrameHeaderSize);
  store_header(header, bytes.data());
  auto send = [&](ByteView part) { return world.run(pipe.client->write(std::span<const ByteView>(&part, 1))).ok(); };
  REQUIRE(send(ByteView(bytes).first(20)));
  // There is always one under way, and never the same.
  for (int i = 0; i < 60; ++i) {
    world.advance(seconds(5));
    REQUIRE(send(ByteView(bytes).subspan(20)));
    REQUIRE(send(ByteView(bytes).first(20)));
  }
  EXPECT(server->open());
}

TEST_CASE("a peer whose time is over in two ways at once is given up as one in one way is") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  pipe.to_client->capacity = 0;
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  auto send = [&](ByteView bytes) { return world.run(pipe.client->write(std::span<const ByteView>(&bytes, 1))).ok(); };
  auto header_of = [](Kind kind, std::uint32_t payload) {
    FrameHeader header;
    header.kind = static_cast<std::uint8_t>(kind);
    header.request_id = 1;
    header.payload_length = payload;
    if (kind == Kind::request) header.method = EchoBulk::kInfo.number;
    ByteVector bytes(kFrameHeaderSize);
    store_header(header, bytes.data());
    return bytes;
  };
  // It does not read the answer to this,
  REQUIRE(send(header_of(Kind::ping, 0)));
  world.advance(milliseconds(100));
  // and does not come to the end of that.
  REQUIRE(send(header_of(Kind::request, 1000)));
  REQUIRE(board.load.requests() == 1);
  world.oversleep(kWritePatience + seconds(1));
  for (int i = 0; i < 20 && server->open(); ++i) {
    world.advance(milliseconds(100));
    if (server->open()) REQUIRE(send(ByteVector(1)));
  }
  REQUIRE(!server->open());
  EXPECT_EQ(server->closed_because().message(), "the peer does not read");
}

TEST_CASE("clients fill their share of the connections, and members still come in") {
  World world(1);
  Machine& node = world.add_machine();
  Machine& other = world.add_machine();
  Machine& guest = world.add_machine();
  start_node(node);
  start_node(other);
  struct Guest {
    Guest(Env& env, std::uint32_t number)
        : handshaker(id_of(number), Role::client), board(env, dispatcher), peers(board, handshaker) {}
    TrustingHandshaker handshaker;
    Dispatcher dispatcher;
    Switchboard board;
    Peers peers;
  };
  auto crowd = [](Env& env, Address at) -> Task<void> {
    std::vector<std::unique_ptr<Guest>> guests;
    for (std::size_t i = 0; i < kGuestConnectionsMax + 100; ++i) {
      guests.push_back(std::make_unique<Guest>(env, 3));
      Instant deadline = env.now() + seconds(5);
      auto channel = co_await guests.back()->peers.channel(Target(at), Purpose::control, deadline);
    }
    Status slept = co_await sleep_for(env, seconds(1));
    for (auto& one : guests) co_await one->peers.stop();
  };
  guest.spawn(crowd(guest.env(), node.address(kPort)));
  auto& server = node.as<NetProgram>().server;
  for (int i = 0; i < 600 && server.channels() < kGuestConnectionsMax; ++i) world.run_for(milliseconds(100));
  EXPECT_EQ(server.channels(), kGuestConnectionsMax);
  world.run_for(milliseconds(500));
  EXPECT_EQ(server.channels(), kGuestConnectionsMax);
  auto body = [&](Env&) { return other.as<NetProgram>().peers.call<Echo>(target_of(node), echo_request("member")); };
  EXPECT(world.run(other, body).ok());
}

TEST_CASE("connections are as many as the process may open, in their proportions") {
  ConnectionLimits all;
  EXPECT_EQ(ConnectionLimits::within(all.total()).total(), all.total());
  EXPECT_EQ(ConnectionLimits::within(all.total() * 10).accepted, all.accepted);
  for (std::size_t most : {512u, 1000u, 5000u}) {
    ConnectionLimits limits = ConnectionLimits::within(most);
    EXPECT_LE(limits.total(), most);
    EXPECT_GT(limits.total(), most * 9 / 10 - kLinksClosingMax);
    EXPECT_EQ(limits.guests, limits.accepted / 2);
    EXPECT_GE(limits.accepted, limits.links);
  }
  EXPECT_EQ(ConnectionLimits::within(0).accepted, 16);
}

TEST_CASE("a node whose limits are low refuses beyond them, and calls no more peers than it may") {
  World world(3);
  Machine& node = world.add_machine();
  Machine& other = world.add_machine();
  start_node(node);
  start_node(other);
  node.as<NetProgram>().board.limits = ConnectionLimits::within(0);
  other.as<NetProgram>().board.limits.links = 2;
  std::vector<Machine*> more;
  for (int i = 0; i < 20; ++i) {
    more.push_back(&world.add_machine());
    start_node(*more.back());
  }
  auto ask = [](NetProgram* from, Machine* to) { return from->peers.call<Echo>(target_of(*to), echo_request("hm")); };
  std::size_t served = 0, refused = 0;
  for (Machine* one : more) {
    auto body = [&](Env&) { return ask(&one->as<NetProgram>(), &node); };
    auto answer = world.run(*one, body);
    ++(answer.ok() ? served : refused);
    if (!answer.ok()) EXPECT(std::string_view(answer.error().message()).ends_with("too many connections"));
  }
  EXPECT_EQ(served, 16);
  EXPECT_EQ(refused, 4);
  for (Machine* one : more) {
    auto body = [&](Env&) { return ask(&other.as<NetProgram>(), one); };
    EXPECT(world.run(other, body).ok());
    EXPECT_LE(other.as<NetProgram>().peers.connections(), 2 + kLinksClosingMax);
  }
}

TEST_CASE("a node that is no longer one of us is let go also where it was called by its address") {
  World world(2);
  Machine& a = world.add_machine();
  Machine& b = world.add_machine();
  start_node(a);
  NetProgram& node = a.as<NetProgram>();
  start_node(b);
  auto body = [&](Env&) { return node.peers.call<Echo>(Target(b.address(kPort)), echo_request("seed")); };
  REQUIRE(world.run(a, body).ok());
  REQUIRE(node.peers.connections() == 1);
  node.peers.close(id_of(b.number()), Error(Code::permission_denied, "evicted"));
  world.run_for(seconds(1));
  EXPECT_EQ(node.peers.connections(), 0);
}

TEST_CASE("who is told that a connection broke can call again at once") {
  World world(3);
  Machine& a = world.add_machine();
  Machine& b = world.add_machine();
  start_node(a);
  start_node(b);
  NetProgram& node = a.as<NetProgram>();
  auto call = [&](Env&) { return node.peers.call<Echo>(target_of(b), echo_request("x")); };
  REQUIRE(world.run(a, call).ok());
  world.run_for(2 * kShortLife);
  std::optional<Result<Reply<Echo>>> again;
  node.peers.on_down([&](const NodeId&, const Error&) {
    if (!again) a.spawn(PipeWorld::deliver(node.peers.call<Echo>(target_of(b), echo_request("again")), again));
  });
  world.network().reset(a, b);
  world.run_for(seconds(5));
  REQUIRE(again);
  EXPECT(again->ok());
}
