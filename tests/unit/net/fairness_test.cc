// What guests do cannot keep members out, and a peer that does not read costs no more than it was given.
#include "net/basic_service.h"
#include "net/messages/basic.h"
#include "tests/unit/net/pipe_world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;

namespace {

struct Kept final : TypedCall<Echo> {
  std::optional<Result<Reply<Echo>>> result;
  void done(Result<Reply<Echo>> r) override { result.emplace(std::move(r)); }
};

EchoRequest request_of(std::size_t size) {
  EchoRequest request;
  request.data.resize(size);
  return request;
}

// A connection between a caller and the node whose board this is.
struct Line {
  Line(PipeWorld& world, Switchboard& callers, Switchboard& node, Role role)
      : pipe(world.loop()),
        caller(world, callers, std::move(pipe.client), Role::member),
        node_end(world, node, std::move(pipe.server), role) {}
  Pipe pipe;
  RunningChannel caller, node_end;
};

// A node that serves, and those who call it.
struct Town {
  explicit Town(Dispatcher& serving) : callers(world, nothing), node(world, serving) {}
  Line& connect(Role role) { return *lines.emplace_back(std::make_unique<Line>(world, callers, node, role)); }
  PipeWorld world;
  Dispatcher nothing;
  Switchboard callers, node;
  std::vector<std::unique_ptr<Line>> lines;
};

// Serves Echo by an answer of the size that the first bytes of the request say, or waits for ever when they say 0.
struct Giver {
  Buffer all = Buffer::allocate(kPayloadMax);
  Task<Result<Reply<Echo>>> give(Context, EchoRequest request) {
    if (request.data.empty()) {
      Parking parking(*loop);
      co_await parking.park();
      co_return Code::cancelled;
    }
    EchoResponse response;
    if (request.data.size() == 1) co_return Reply<Echo>(std::move(response), all);
    response.data = std::move(request.data);
    co_return Reply<Echo>(std::move(response));
  }
  Loop* loop = nullptr;
};

struct GivingTown {
  GivingTown() {
    dispatcher.on<Echo>(
        [this](Context context, EchoRequest request) { return giver.give(std::move(context), std::move(request)); });
    town.emplace(dispatcher);
    giver.loop = &town->world.loop();
  }
  // Guests who ask for all that guests may have, and do not read it.
  void stall_guests() {
    for (std::size_t asked = 0; asked <= kGuestBytesMax;) {
      Line& line = town->connect(Role::client);
      line.pipe.to_client->capacity = 0;
      for (std::size_t i = 0; i < kAnswersBusy / kPayloadMax; ++i, asked += kPayloadMax) {
        calls.push_back(std::make_unique<Kept>());
        REQUIRE(line.caller->start(*calls.back(), request_of(1)).ok());
      }
    }
    town->world.settle();
    REQUIRE(town->node.load.guests_stalled());
  }
  Dispatcher dispatcher;
  Giver giver;
  std::optional<Town> town;
  std::vector<std::unique_ptr<Kept>> calls;
};

ByteVector ping(std::uint64_t id) {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::ping);
  header.request_id = id;
  ByteVector bytes(kFrameHeaderSize);
  store_header(header, bytes.data());
  return bytes;
}

}  // namespace

TEST_CASE("members are served though guests have as many requests in flight as they can") {
  GivingTown giving;
  Town& town = *giving.town;
  for (std::size_t i = 0; i < kNodeRequestsMax / kConnectionRequestsMax; ++i) {
    Line& line = town.connect(Role::client);
    for (std::size_t k = 0; k < kConnectionRequestsMax; ++k) {
      giving.calls.push_back(std::make_unique<Kept>());
      REQUIRE(line.caller->start(*giving.calls.back(), request_of(0)).ok());
    }
  }
  town.world.settle();
  EXPECT_EQ(town.node.load.requests(), kGuestRequestsMax);
  CHECK(giving.calls.back()->result);
  EXPECT(giving.calls.back()->result->is(Code::busy));
  Line& member = town.connect(Role::member);
  auto reply = town.world.run(member.caller->call<Echo>(request_of(100)));
  EXPECT(reply.ok());
}

TEST_CASE("members are served though guests do not take their answers") {
  GivingTown giving;
  giving.stall_guests();
  Line& member = giving.town->connect(Role::member);
  EXPECT(giving.town->world.run(member.caller->call<Echo>(request_of(100))).ok());
  EXPECT(giving.town->world.run(member.caller->call<Echo>(request_of(1))).ok());
  Line& guest = giving.town->connect(Role::client);
  EXPECT(giving.town->world.run(guest.caller->call<Echo>(request_of(1))).is(Code::busy));
}

TEST_CASE("small answers that guests do not take are bounded too: nothing more is read from them") {
  GivingTown giving;
  giving.stall_guests();
  Town& town = *giving.town;
  std::size_t before = town.node.load.answer_bytes();
  Pipe pipe(town.world.loop());
  pipe.to_client->capacity = 1000;
  RunningChannel guest(town.world, town.node, std::move(pipe.server), Role::client);
  for (std::uint64_t i = 1; i <= 20'000; ++i) {
    ByteVector bytes = ping(i);
    pipe.to_server->bytes.insert(pipe.to_server->bytes.end(), bytes.begin(), bytes.end());
    pipe.to_server->changed.notify_all();
    town.world.settle();
  }
  EXPECT_LE(town.node.load.answer_bytes() - before, kGuestAnswersShare + 2 * kSegmentSize);
  EXPECT_GE(town.world.total("vortex_net_reading_stopped_total"), 1);
  EXPECT(guest->open());
  // Whoever takes them is read again.
  pipe.to_client->capacity = std::size_t(1) << 30;
  pipe.to_client->changed.notify_all();
  town.world.settle();
  EXPECT_EQ(pipe.to_client->bytes.size(), 20'000 * kFrameHeaderSize);
}

TEST_CASE("answers without a payload respect the node's limit too") {
  GivingTown giving;
  giving.stall_guests();
  Town& town = *giving.town;
  // The last of the room.
  Line& line = town.connect(Role::client);
  line.pipe.to_client->capacity = 0;
  while (town.node.load.answer_room(Party::guest) > 50'000) {
    EchoResponse response;
    response.data.resize(40'000);
    line.node_end->answer<Echo>(1, Reply<Echo>(std::move(response)));
  }
  std::size_t before = town.node.load.answer_bytes();
  for (int i = 0; i < 100; ++i) {
    EchoResponse response;
    response.data.resize(50'000);
    line.node_end->answer<Echo>(1, Reply<Echo>(std::move(response)));
  }
  EXPECT_LE(town.node.load.answer_bytes() - before, 100 * kSmallAnswer);
}

TEST_CASE("calls given up before a peer that does not read leave nothing behind") {
  PipeWorld world;
  Dispatcher dispatcher;
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  pipe.to_server->capacity = 0;
  RunningChannel client(world, board, std::move(pipe.client), Role::member);
  Buffer payload = Buffer::allocate(kPayloadMax);
  Kept first;
  REQUIRE(client->start(first, request_of(1), seconds(60), payload).ok());
  world.settle();  // it is being written
  for (int i = 0; i < 50; ++i) {
    Kept timed_out, kept, small;
    REQUIRE(client->start(timed_out, request_of(1), milliseconds(10), payload).ok());
    REQUIRE(client->start(small, request_of(10), milliseconds(10)).ok());
    REQUIRE(client->start(kept, request_of(1), seconds(10), payload).ok());
    world.advance(milliseconds(20));
    REQUIRE(timed_out.result);
    EXPECT(timed_out.result->is(Code::timed_out));
    EXPECT(!kept.result);
    EXPECT_LE(client->queued_bytes(), kPayloadMax + 1000);
    // And this one is abandoned.
  }
  EXPECT_EQ(client->queued_bytes(), 0);
  EXPECT_EQ(client->calls_in_flight(), 1);
  EXPECT(client->open());
}

TEST_CASE("a call given up between others takes only itself out of the line") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  pipe.to_server->capacity = 10;
  RunningChannel client(world, board, std::move(pipe.client), Role::member);
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  pipe.to_client->capacity = pipe.to_server->capacity = 0;
  std::vector<std::unique_ptr<Kept>> calls;
  Buffer payload = Buffer::allocate(3000);
  for (std::size_t i = 0; i < 300; ++i) {
    calls.push_back(std::make_unique<Kept>());
    REQUIRE(client->start(*calls.back(), request_of(i), seconds(5), i % 7 == 0 ? payload : Buffer()).ok());
  }
  for (std::size_t i = 0; i < 300; ++i)
    if (i % 3 != 0) calls[i].reset();
  for (const auto& lane : {pipe.to_client, pipe.to_server}) {
    lane->capacity = std::size_t(1) << 30;
    lane->changed.notify_all();
  }
  world.settle();
  for (std::size_t i = 0; i < 300; i += 3) {
    REQUIRE(calls[i]->result);
    REQUIRE(calls[i]->result->ok());
    EXPECT_EQ((*calls[i]->result)->response.data.size(), i);
    EXPECT_EQ((*calls[i]->result)->payload.size(), i % 7 == 0 ? payload.size() : 0);
  }
  EXPECT(client->idle());
  EXPECT(server->idle());
}
