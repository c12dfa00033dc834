#include "net/channel.h"

#include "net/basic_service.h"
#include "net/messages/basic.h"
#include "tests/unit/net/pipe_world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;

namespace {

// Two channels, connected.
struct Couple {
  explicit Couple(PipeWorld& w, Dispatcher& at_server, Role client_role = Role::client)
      : world(w),
        board(w, at_server),
        pipe(w.loop()),
        client(w, board, std::move(pipe.client), Role::member),
        server(w, board, std::move(pipe.server), client_role) {}
  PipeWorld& world;
  Switchboard board;
  Pipe pipe;
  RunningChannel client, server;
};

EchoRequest echo_request(std::string_view text) {
  EchoRequest request;
  request.data = to_vector(as_bytes(text));
  return request;
}

Buffer pattern(std::size_t size) {
  Buffer buffer = Buffer::allocate(size);
  for (std::size_t i = 0; i < size; ++i) buffer.writable()[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return buffer;
}

// Collects what becomes of a call started without a coroutine.
template <class Method>
struct Kept final : TypedCall<Method> {
  std::optional<Result<Reply<Method>>> result;
  void done(Result<Reply<Method>> r) override { result.emplace(std::move(r)); }
};

// A handler that waits until it is told, and counts how it ended.
struct Gate {
  explicit Gate(Loop& loop) : event(loop) {}
  Event event;
  int entered = 0, cancelled = 0;
  Task<Result<Reply<Echo>>> pass(Context context, EchoRequest request) {
    ++entered;
    bool woken = co_await event.wait();
    if (!woken) {
      ++cancelled;
      co_return Code::cancelled;
    }
    EchoResponse response;
    response.data = std::move(request.data);
    co_return Reply<Echo>(std::move(response), std::move(context.payload));
  }
};

struct GatedDispatcher {
  explicit GatedDispatcher(Gate& gate) {
    dispatcher.on<Echo>(
        [&gate](Context context, EchoRequest request) { return gate.pass(std::move(context), std::move(request)); });
  }
  Dispatcher dispatcher;
};

}  // namespace

TEST_CASE("a call is answered with the response and its payload") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Couple couple(world, dispatcher);
  for (std::size_t size : {0, 1, 5000, 3000000}) {
    CallOptions options(seconds(1), pattern(size));
    auto reply = world.run(couple.client->call<Echo>(echo_request("moon"), std::move(options)));
    REQUIRE(reply.ok());
    EXPECT_EQ(as_text(reply->response.data), "moon");
    EXPECT(equal(reply->payload, pattern(size)));
  }
  auto description = world.run(couple.client->call<Describe>(DescribeRequest()));
  REQUIRE(description.ok());
  EXPECT_GE(description->response.methods.size(), 3);
}

TEST_CASE("both ends call over one connection") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Couple couple(world, dispatcher);
  auto back = world.run(couple.server->call<Echo>(echo_request("back")));
  REQUIRE(back.ok());
  EXPECT_EQ(as_text(back->response.data), "back");
}

TEST_CASE("frames arrive whole whatever the reads split them into") {
  for (std::size_t split : {1, 2, 7, 55, 56, 57, 1000}) {
    PipeWorld world;
    Dispatcher dispatcher;
    serve_basics(dispatcher);
    Couple couple(world, dispatcher);
    couple.pipe.to_server->split = [split](std::size_t) { return split; };
    couple.pipe.to_client->split = [split](std::size_t) { return split; };
    CallOptions options(seconds(1), pattern(3000));
    auto reply = world.run(couple.client->call<Echo>(echo_request("in pieces"), std::move(options)));
    REQUIRE(reply.ok());
    EXPECT(equal(reply->payload, pattern(3000)));
  }
}

TEST_CASE("small messages that are ready together leave in one write") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Couple couple(world, dispatcher);
  world.settle();
  std::uint64_t before = world.total("vortex_net_writes_total");
  std::vector<std::unique_ptr<Kept<Echo>>> calls;
  for (int i = 0; i < 500; ++i) {
    calls.push_back(std::make_unique<Kept<Echo>>());
    REQUIRE(couple.client->start(*calls.back(), echo_request("x")).ok());
  }
  world.settle();
  for (const auto& call : calls) REQUIRE(call->result->ok());
  EXPECT_LE(world.total("vortex_net_writes_total") - before, 8);
}

TEST_CASE("a handler's error reaches the caller with code, words and retry hint") {
  PipeWorld world;
  Dispatcher dispatcher;
  dispatcher.on<Echo>([](Context&, EchoRequest&) -> Result<EchoResponse> {
    return Error(Code::not_leader, "ask m3").with_retry_after(120);
  });
  Couple couple(world, dispatcher);
  auto reply = world.run(couple.client->call<Echo>(echo_request("?")));
  REQUIRE(reply.is(Code::not_leader));
  EXPECT_EQ(reply.error().message(), "ask m3");
  EXPECT_EQ(reply.error().retry_after_ms(), 120);
}

TEST_CASE("a method without a handler, and one that is not open to the caller, are answered with an error") {
  PipeWorld world;
  Dispatcher dispatcher;
  Couple couple(world, dispatcher);
  auto reply = world.run(couple.client->call<Echo>(echo_request("?")));
  EXPECT(reply.is(Code::unknown_method));
  EXPECT(couple.client->open());
  EXPECT(may_call(Role::member, Caller::client));
  EXPECT(!may_call(Role::client, Caller::member));
  EXPECT(!may_call(Role::client, Caller::joiner));
  EXPECT(!may_call(Role::stranger, Caller::joiner));
}

TEST_CASE("a deadline passes on both sides, and the handler is cancelled") {
  PipeWorld world;
  Gate gate(world.loop());
  GatedDispatcher gated(gate);
  Couple couple(world, gated.dispatcher);
  Kept<Echo> call;
  REQUIRE(couple.client->start(call, echo_request("slow"), milliseconds(100)).ok());
  world.settle();
  EXPECT_EQ(gate.entered, 1);
  world.advance(milliseconds(99));
  EXPECT(!call.result);
  EXPECT_EQ(gate.cancelled, 0);
  world.advance(milliseconds(2));
  REQUIRE(call.result);
  EXPECT(call.result->is(Code::timed_out));
  EXPECT_EQ(gate.cancelled, 1);
  EXPECT_EQ(couple.server->requests_in_flight(), 0);
}

TEST_CASE("a request that was too long on its way is not executed") {
  PipeWorld world;
  Gate gate(world.loop());
  GatedDispatcher gated(gate);
  Switchboard board(world, gated.dispatcher);
  Pipe pipe(world.loop());
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  Outbox outbox;
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::request);
  header.method = Echo::kInfo.number;
  header.request_id = 7;
  header.deadline_ms = 50;
  header.flags = kFlagPayloadSum;
  REQUIRE(outbox.add(Priority::normal, header, echo_request("late"), 100, pattern(3000)).ok());
  Outbox::Batch batch;
  outbox.take(batch);
  ByteVector bytes;
  for (ByteView piece : batch.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  auto send = [&](std::size_t from, std::size_t to) {
    ByteView piece = ByteView(bytes).subspan(from, to - from);
    REQUIRE(world.run(pipe.client->write(std::span<const ByteView>(&piece, 1))).ok());
  };
  send(0, 2000);
  world.advance(milliseconds(51));
  send(2000, bytes.size());
  EXPECT_EQ(gate.entered, 0);
  EXPECT_EQ(world.total("vortex_net_requests_expired_total"), 1);
  EXPECT(server->idle());
}

TEST_CASE("cancelling the caller cancels the handler") {
  PipeWorld world;
  Gate gate(world.loop());
  GatedDispatcher gated(gate);
  Couple couple(world, gated.dispatcher);
  TaskGroup callers(world.loop());
  std::optional<Result<Reply<Echo>>> result;
  callers.spawn(PipeWorld::deliver(couple.client->call<Echo>(echo_request("never")), result));
  world.settle();
  EXPECT_EQ(gate.entered, 1);
  callers.cancel();
  world.settle();
  REQUIRE(result);
  EXPECT(result->is(Code::cancelled));
  EXPECT_EQ(gate.cancelled, 1);
  EXPECT(couple.client->idle());
  EXPECT(couple.server->idle());
  EXPECT(couple.client->open());
}

TEST_CASE("when the connection ends, calls fail with what is known of them and handlers are cancelled") {
  PipeWorld world;
  Gate gate(world.loop());
  GatedDispatcher gated(gate);
  Couple couple(world, gated.dispatcher);
  Kept<Echo> executed, unsent;
  REQUIRE(couple.client->start(executed, echo_request("executed")).ok());
  world.settle();
  REQUIRE(couple.client->start(unsent, echo_request("unsent")).ok());
  SUBCASE("by a goodbye, which tells how far the server got") {
    couple.server->close(Error(Code::closed, "maintenance"));
    world.settle();
    REQUIRE(executed.result);
    EXPECT(executed.result->is(Code::closed));
    EXPECT_EQ(executed.result->error().message(), "the peer says: maintenance");
    REQUIRE(unsent.result);
    EXPECT(unsent.result->is(Code::unreachable));
  }
  SUBCASE("by its own side, before the second call was written") {
    couple.client->close(Error(Code::closed, "enough"));
    world.settle();
    EXPECT(executed.result->is(Code::closed));
    EXPECT(unsent.result->is(Code::unreachable));
  }
  EXPECT_EQ(gate.entered, 1);
  EXPECT_EQ(gate.cancelled, 1);
  EXPECT(couple.client.ended());
  EXPECT(couple.server.ended());
  Kept<Echo> after;
  EXPECT(couple.client->start(after, echo_request("after")).is(Code::unreachable));
}

TEST_CASE("requests beyond the window wait for room, those started without waiting are refused") {
  PipeWorld world;
  Gate gate(world.loop());
  GatedDispatcher gated(gate);
  Couple couple(world, gated.dispatcher);
  std::vector<std::unique_ptr<Kept<Echo>>> calls;
  for (std::size_t i = 0; i < kConnectionRequestsMax; ++i) {
    calls.push_back(std::make_unique<Kept<Echo>>());
    REQUIRE(couple.client->start(*calls.back(), echo_request("x")).ok());
  }
  Kept<Echo> refused;
  EXPECT(couple.client->start(refused, echo_request("x")).is(Code::busy));
  std::optional<Result<Reply<Echo>>> waited, too_late;
  world.tasks.spawn(PipeWorld::deliver(couple.client->call<Echo>(echo_request("waits")), waited));
  CallOptions short_options(milliseconds(10));
  world.tasks.spawn(
      PipeWorld::deliver(couple.client->call<Echo>(echo_request("gives up"), std::move(short_options)), too_late));
  world.settle();
  EXPECT_EQ(gate.entered, static_cast<int>(kConnectionRequestsMax));
  world.advance(milliseconds(11));
  REQUIRE(too_late);
  EXPECT(too_late->is(Code::timed_out));
  gate.event.notify_one();
  world.settle();
  EXPECT_EQ(gate.entered, static_cast<int>(kConnectionRequestsMax) + 1);
  gate.event.notify_all();
  world.settle();
  REQUIRE(waited);
  EXPECT(waited->ok());
  EXPECT(couple.client->idle());
}

TEST_CASE("a stream of calls sets a timer once in a timeout's time, not once a call") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Couple couple(world, dispatcher);
  world.settle();
  std::size_t before = world.clock().timers_set;
  for (int i = 0; i < 1000; ++i) {
    auto reply = world.run(couple.client->call<Echo>(echo_request("x"), CallOptions(seconds(1))));
    REQUIRE(reply.ok());
    world.advance(milliseconds(1));
  }
  EXPECT_LE(world.clock().timers_set - before, 4);
}

TEST_CASE("a silent peer is pinged and then given up; one that answers is kept") {
  PipeWorld world;
  Dispatcher dispatcher;
  Couple couple(world, dispatcher);
  world.advance(std::chrono::minutes(10));
  EXPECT(couple.client->open());
  couple.pipe.to_client->capacity = 0;
  world.advance(kPingAfter + kPingPatience + seconds(1));
  EXPECT(!couple.client->open());
  EXPECT_EQ(couple.client->closed_because().message(), "the peer is silent");
  EXPECT(couple.client.ended());
  EXPECT(couple.server.ended());
}

TEST_CASE("a peer that answered while we slept is kept, one that did not is given up") {
  for (bool answers : {true, false}) {
    PipeWorld world;
    Dispatcher dispatcher;
    Couple couple(world, dispatcher);
    auto lane = couple.pipe.to_client;
    lane->capacity = 0;
    world.advance(kPingAfter);
    REQUIRE(couple.client->open());
    if (answers) lane->capacity = 1000;
    // The answer is on its way; before it is read the time is over.
    lane->changed.notify_all();
    world.oversleep(2 * kPingPatience);
    EXPECT(couple.client->open());
    world.advance(2 * kSecondLook);
    EXPECT_EQ(couple.client->open(), answers);
  }
}

TEST_CASE("a write that was finished while we slept is not taken for a peer that does not read") {
  for (bool reads : {true, false}) {
    PipeWorld world;
    Dispatcher dispatcher;
    serve_basics(dispatcher);
    Couple couple(world, dispatcher);
    auto lane = couple.pipe.to_server;
    lane->capacity = 0;
    Kept<Echo> call;
    REQUIRE(couple.client->start(call, echo_request("x"), std::chrono::minutes(10), pattern(1000)).ok());
    world.settle();
    if (reads) lane->capacity = 10'000;
    lane->changed.notify_all();
    world.oversleep(kWritePatience + kSecondLook);
    world.advance(kSecondLook);
    EXPECT_EQ(couple.client->open(), reads);
  }
}

TEST_CASE("no caller can make a request live longer than an hour") {
  PipeWorld world;
  std::optional<Instant> deadline;
  Dispatcher dispatcher;
  dispatcher.on<Echo>([&deadline](Context& context, EchoRequest&) -> Result<EchoResponse> {
    deadline = context.deadline;
    return EchoResponse();
  });
  Switchboard board(world, dispatcher);
  Pipe pipe(world.loop());
  RunningChannel server(world, board, std::move(pipe.server), Role::client);
  Outbox outbox;
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(Kind::request);
  header.method = Echo::kInfo.number;
  header.request_id = 1;
  header.deadline_ms = ~std::uint32_t(0);
  REQUIRE(outbox.add(Priority::normal, header, echo_request("x"), 100, Buffer()).ok());
  Outbox::Batch batch;
  outbox.take(batch);
  REQUIRE(world.run(pipe.client->write(batch.pieces())).ok());
  REQUIRE(deadline);
  EXPECT_EQ(*deadline - world.now(), kCallTimeoutMax);
}

TEST_CASE("frames carry the version that was negotiated, and no other is taken") {
  constexpr std::uint8_t kLater = kVersion + 1;
  for (std::uint8_t at_server : {kLater, kVersion}) {
    PipeWorld world;
    Dispatcher dispatcher;
    serve_basics(dispatcher);
    Switchboard board(world, dispatcher);
    Pipe pipe(world.loop());
    RunningChannel client(world, board, std::move(pipe.client), Role::member, kLater);
    RunningChannel server(world, board, std::move(pipe.server), Role::client, at_server);
    auto reply = world.run(client->call<Echo>(echo_request("x")));
    EXPECT_EQ(reply.ok(), at_server == kLater);
    if (at_server == kLater) continue;
    REQUIRE(!server->open());
    EXPECT(server->closed_because().is(Code::unsupported_version));
  }
}

TEST_CASE("what is too large is refused before it is sent") {
  PipeWorld world;
  Dispatcher dispatcher;
  serve_basics(dispatcher);
  Couple couple(world, dispatcher);
  EchoRequest large;
  large.data.resize(Echo::kInfo.body_max);
  auto reply = world.run(couple.client->call<Echo>(std::move(large)));
  EXPECT(reply.is(Code::too_large));
  EXPECT(world.run(couple.client->call<Echo>(echo_request("still fine"))).ok());
}
