#include "tests/sim/connection.h"

#include <array>

#include "tests/sim/fabric.h"
#include "tests/sim/process.h"
#include "tests/unit/sim/echo.h"
#include "tests/unit/sim/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

namespace {

// An echo server and a client that holds a connection to it.
struct Pair {
  explicit Pair(std::uint64_t seed = 1, WorldOptions options = WorldOptions()) : world(seed, options) {
    server.start(program(echo_server));
  }
  Address address() { return server.address(kEchoPort); }
  Result<std::string> ask_once(std::string text) { return world.run(client, ask, address(), std::move(text)); }
  Fabric& network() { return world.network(); }

  World world;
  Machine& server = world.add_machine();
  Machine& client = world.add_machine();
};

Task<Status> hold(Env& env, Address at, std::unique_ptr<Connection>* into) {
  CO_ASSIGN_OR_RETURN(*into, co_await env.network().connect(at));
  co_return Status();
}

// Sends and waits for the echo on an open connection, noting when it has come.
Task<void> talk(Connection* connection, std::string text, std::optional<Result<std::string>>* into) {
  Status sent = co_await write_all(*connection, text);
  if (!sent.ok()) {
    into->emplace(sent.error());
    co_return;
  }
  auto answer = co_await read_exactly(*connection, text.size());
  into->emplace(std::move(answer));
}

Task<Result<std::size_t>> read_once(Env&, Connection* connection, ByteVector* into) {
  return connection->read_some(*into);
}

Task<Status> send_text(Env&, Connection* connection, std::string text) {
  Status status = co_await write_all(*connection, std::move(text));
  co_return status;
}

}  // namespace

TEST_CASE("an echo comes back over the network and nothing of the connection is left") {
  Pair pair;
  auto answer = pair.ask_once("hello");
  REQUIRE(answer.ok());
  EXPECT_EQ(*answer, "hello");
  pair.world.run_for(seconds(1));
  EXPECT_EQ(pair.network().connections(), 0);
  EXPECT_EQ(pair.network().streams(), 0);
}

TEST_CASE("two megabytes pass through a window of 256 KiB in order") {
  Pair pair;
  std::string text(2 << 20, '\0');
  Dice dice(1);
  dice.fill(MutableBytes(reinterpret_cast<std::uint8_t*>(text.data()), text.size()));
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  std::optional<Result<std::string>> answer;
  auto reader = [](Connection* from, std::size_t size, std::optional<Result<std::string>>* into) -> Task<void> {
    auto read = co_await read_exactly(*from, size);
    into->emplace(std::move(read));
  };
  pair.client.spawn(reader(connection.get(), text.size(), &answer));
  REQUIRE(pair.world.run(pair.client, send_text, connection.get(), text).ok());
  pair.world.run_until([&answer] { return answer.has_value(); }, seconds(60));
  REQUIRE(answer.has_value());
  REQUIRE(answer->ok());
  EXPECT(**answer == text);
}

TEST_CASE("reads give arbitrary parts of what was sent") {
  WorldOptions options;
  options.network.read_splits = 1;
  Pair pair(1, options);
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  REQUIRE(pair.world.run(pair.client, send_text, connection.get(), std::string(1000, 'x')).ok());
  ByteVector buffer(1000);
  std::vector<std::size_t> sizes;
  for (std::size_t total = 0; total < 1000; total += sizes.back()) {
    auto size = pair.world.run(pair.client, read_once, connection.get(), &buffer);
    REQUIRE(size.ok());
    sizes.push_back(*size);
  }
  EXPECT_GT(sizes.size(), 5);
}

TEST_CASE("a write at once takes arbitrary parts, and what it took arrives in order before the rest") {
  WorldOptions options;
  options.network.read_splits = 0.7;
  options.buggify_sites = options.buggify_fires = 1;
  Pair pair(1, options);
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  REQUIRE(connection->writes_now());
  std::string all;
  std::size_t whole = 0, parts = 0;
  for (std::size_t round = 0; round < 200; ++round) {
    std::string text(1 + round * 7, static_cast<char>('a' + round % 26));
    std::array<ByteView, 3> pieces = {as_bytes(text).first(text.size() / 3), ByteView(),
                                      as_bytes(text).subspan(text.size() / 3)};
    std::size_t written = connection->write_now(pieces);
    REQUIRE(written <= text.size());
    ++(written == text.size() ? whole : parts);
    all += text;
    if (written < text.size())
      REQUIRE(pair.world.run(pair.client, send_text, connection.get(), text.substr(written)).ok());
  }
  EXPECT_GT(whole, 10);
  EXPECT_GT(parts, 10);
  std::string back;
  ByteVector buffer(100'000);
  while (back.size() < all.size()) {
    auto size = pair.world.run(pair.client, read_once, connection.get(), &buffer);
    REQUIRE(size.ok());
    back.append(as_text(ByteView(buffer).first(*size)));
  }
  EXPECT(back == all);
  // Into a full window nothing goes.
  ByteVector much(1 << 20);
  ByteView piece(much);
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) taken += connection->write_now(std::span<const ByteView>(&piece, 1));
  EXPECT_GT(taken, 0);
  EXPECT_LE(taken, options.network.window);
  EXPECT_EQ(connection->write_now(std::span<const ByteView>(&piece, 1)), 0);
}

TEST_CASE("a port nobody listens at refuses at once, a machine without power says nothing") {
  Pair pair;
  EXPECT(pair.world.run(pair.client, ask, pair.server.address(99), "x").is(Code::unreachable));
  EXPECT(pair.world.run(pair.client, ask, Address::parse("nowhere:1").value(), "x").is(Code::unreachable));
  EXPECT_LT(pair.world.now(), seconds(1));
  pair.server.power_cut();
  std::unique_ptr<Connection> connection;
  bool ended = false;
  auto dial = [](Env& env, Address at, std::unique_ptr<Connection>* into, bool* done) -> Task<void> {
    (void)co_await hold(env, at, into);
    *done = true;
  };
  pair.client.spawn(dial(pair.client.env(), pair.address(), &connection, &ended));
  pair.world.run_for(std::chrono::minutes(5));
  EXPECT(!ended);
  // It is heard when the machine is back.
  pair.server.start();
  pair.world.run_for(seconds(10));
  EXPECT(ended);
  EXPECT(connection != nullptr);
}

TEST_CASE("a one-way cut stops one direction and the other still carries") {
  Pair pair;
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  pair.world.run_for(seconds(1));
  pair.network().cut(pair.server, pair.client);
  std::optional<Result<std::string>> answer;
  pair.client.spawn(talk(connection.get(), "hello", &answer));
  std::uint64_t segments = pair.network().segments();
  pair.world.run_for(seconds(20));
  // The request has arrived, its answer has not.
  EXPECT_EQ(pair.network().segments(), segments + 1);
  EXPECT(!answer.has_value());
  pair.network().heal(pair.server, pair.client);
  pair.world.run_for(seconds(5));
  REQUIRE(answer.has_value());
  EXPECT(answer->ok());
}

TEST_CASE("a two-way partition parts two groups and nobody else") {
  World world(1);
  std::vector<Machine*> machines;
  for (int i = 0; i < 4; ++i) {
    machines.push_back(&world.add_machine());
    machines.back()->start(program(echo_server));
  }
  world.network().partition({machines[0], machines[1]}, {machines[2]});
  auto reaches = [&world](Machine& from, Machine& to) {
    std::optional<Result<std::string>> answer;
    auto body = [](Env& env, Address at, std::optional<Result<std::string>>* into) -> Task<void> {
      auto result = co_await ask(env, at, "x");
      into->emplace(std::move(result));
    };
    from.spawn(body(from.env(), to.address(kEchoPort), &answer));
    world.run_for(seconds(2));
    bool reached = answer.has_value() && answer->ok();
    from.restart();
    return reached;
  };
  EXPECT(reaches(*machines[0], *machines[1]));
  EXPECT(!reaches(*machines[0], *machines[2]));
  EXPECT(!reaches(*machines[2], *machines[1]));
  EXPECT(reaches(*machines[2], *machines[3]));
  EXPECT(reaches(*machines[3], *machines[0]));
  world.network().heal_all();
  EXPECT(reaches(*machines[0], *machines[2]));
}

TEST_CASE("a sender whose packets are lost for too long gives up") {
  Pair pair;
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  pair.network().cut(pair.client, pair.server);
  std::optional<Result<std::string>> answer;
  pair.client.spawn(talk(connection.get(), "hello", &answer));
  pair.world.run_for(seconds(59));
  EXPECT(!answer.has_value());
  pair.world.run_for(seconds(2));
  REQUIRE(answer.has_value());
  EXPECT(answer->is(Code::closed));
}

TEST_CASE("clogged links hold everything and let go independently, in any order") {
  Pair pair;
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  for (bool requests_first : {true, false}) {
    Machine& first = requests_first ? pair.client : pair.server;
    Machine& second = requests_first ? pair.server : pair.client;
    pair.network().clog(first, second);
    pair.network().clog(second, first);
    std::optional<Result<std::string>> answer;
    pair.client.spawn(talk(connection.get(), "hello", &answer));
    pair.world.run_for(seconds(10));
    EXPECT(!answer.has_value());
    pair.network().release(first, second);
    pair.world.run_for(seconds(10));
    EXPECT(!answer.has_value());
    pair.network().release(second, first);
    pair.world.run_for(seconds(10));
    REQUIRE(answer.has_value());
    EXPECT(answer->ok());
  }
}

TEST_CASE("a reset reaches both ends, in the middle of what was under way") {
  bool cut_short = false;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Pair pair(seed);
    std::unique_ptr<Connection> connection;
    REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
    REQUIRE(pair.world.run(pair.client, send_text, connection.get(), std::string(200'000, 'x')).ok());
    EXPECT_EQ(pair.network().reset(pair.client, pair.server), 1);
    ByteVector buffer(4096);
    auto size = pair.world.run(pair.client, read_once, connection.get(), &buffer);
    EXPECT(size.is(Code::closed));
    EXPECT(pair.world.run(pair.client, send_text, connection.get(), "x").is(Code::closed));
    pair.world.run_for(seconds(1));
    if (pair.network().bytes() > 0 && pair.network().bytes() < 200'000) cut_short = true;
    connection.reset();
    pair.world.run_for(seconds(1));
    EXPECT_EQ(pair.network().connections(), 0);
  }
  EXPECT(cut_short);
}

TEST_CASE("connections are lost and refused by chance") {
  WorldOptions options;
  options.network.resets = 0.2;
  options.network.refusals = 0.2;
  Pair pair(1, options);
  int closed = 0, refused = 0, answered = 0;
  for (int i = 0; i < 200; ++i) {
    auto answer = pair.ask_once("hello");
    closed += answer.is(Code::closed) || answer.is(Code::end_of_stream);
    refused += answer.is(Code::unreachable);
    answered += answer.ok();
  }
  EXPECT_GT(closed, 20);
  EXPECT_GT(refused, 20);
  EXPECT_GT(answered, 60);
}

TEST_CASE("a silenced connection carries nothing, also later, while a new one works") {
  Pair pair;
  std::unique_ptr<Connection> connection;
  REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
  EXPECT_EQ(pair.network().silence(pair.client, pair.server), 1);
  std::optional<Result<std::string>> answer;
  pair.client.spawn(talk(connection.get(), "hello", &answer));
  pair.world.run_for(seconds(50));
  EXPECT(!answer.has_value());
  EXPECT(pair.ask_once("hello").ok());
  pair.client.kill();  // while what its task uses is still there
}

TEST_CASE("peers of a killed process see the end, peers of a machine without power see nothing until it is back") {
  for (bool power : {false, true}) {
    Pair pair;
    std::unique_ptr<Connection> connection;
    REQUIRE(pair.world.run(pair.client, hold, pair.address(), &connection).ok());
    pair.world.run_for(seconds(1));
    std::optional<Result<std::string>> answer;
    if (power) {
      pair.server.power_cut();
    } else {
      pair.server.kill();
    }
    ByteVector buffer(100);
    std::optional<Result<std::size_t>> read;
    auto body = [](Connection* from, ByteVector* into, std::optional<Result<std::size_t>>* result) -> Task<void> {
      auto size = co_await from->read_some(*into);
      result->emplace(std::move(size));
    };
    pair.client.spawn(body(connection.get(), &buffer, &read));
    pair.world.run_for(std::chrono::minutes(10));
    EXPECT_EQ(read.has_value(), !power);
    if (!power) {
      EXPECT((read->is(Code::end_of_stream) || read->is(Code::closed)));
      continue;
    }
    pair.server.start();
    pair.world.run_for(seconds(1));
    EXPECT(!read.has_value());
    REQUIRE(pair.world.run(pair.client, send_text, connection.get(), "anybody there?").ok());
    pair.world.run_for(seconds(1));
    REQUIRE(read.has_value());
    EXPECT(read->is(Code::closed));
  }
}

TEST_CASE("a slow link delays and a narrow one takes time for bytes") {
  Pair pair;
  REQUIRE(pair.ask_once("x").ok());
  pair.network().slow(pair.client, pair.server, milliseconds(500), 0);
  Duration start = pair.world.now();
  REQUIRE(pair.ask_once("x").ok());
  EXPECT(pair.world.now() - start >= seconds(1));  // the dial and the request
  pair.network().slow(pair.client, pair.server, Duration(0), 10'000);
  start = pair.world.now();
  REQUIRE(pair.ask_once(std::string(50'000, 'x')).ok());
  EXPECT(pair.world.now() - start >= seconds(5));
}

TEST_CASE("what was written before a close still arrives") {
  World world(1);
  Machine& sink = world.add_machine();
  Machine& source = world.add_machine();
  std::string got;
  auto collect = [](Env& env, std::string* into) -> Task<void> {
    auto listener = env.network().listen(Address{"", 9});
    auto connection = co_await (*listener)->accept();
    ByteVector buffer(1000);
    while (true) {
      auto size = co_await (*connection)->read_some(buffer);
      if (!size.ok()) co_return;
      into->append(as_text(ByteView(buffer).first(*size)));
    }
  };
  sink.start(program(collect, &got));
  auto hit_and_run = [](Env& env, Address at) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(auto connection, co_await env.network().connect(at));
    co_return co_await write_all(*connection, "farewell");
  };
  REQUIRE(world.run(source, hit_and_run, sink.address(9)).ok());
  world.run_for(seconds(1));
  EXPECT_EQ(got, "farewell");
  EXPECT_EQ(world.network().streams(), 0);
}

TEST_CASE("a port is one listener's, and free again when it is closed or its process killed") {
  World world(1);
  Machine& machine = world.add_machine();
  auto at = machine.address(5);
  auto first = machine.env().network().listen(at);
  REQUIRE(first.ok());
  EXPECT(machine.env().network().listen(at).is(Code::in_use));
  EXPECT(!machine.env().network().listen(Address{"10.9.9.9", 5}).ok());
  first.value()->close();
  auto second = machine.env().network().listen(at);
  EXPECT(second.ok());
  auto any = machine.env().network().listen(Address{"", 0});
  REQUIRE(any.ok());
  EXPECT_NE((*any)->local().port, 0);
}
