#include <sys/socket.h>

#include <vector>

#include "base/one_shot.h"
#include "base/real/tcp.h"
#include "base/task_group.h"
#include "tests/unit/base/real_world.h"

using namespace vortex;

namespace {
using Stream = std::unique_ptr<Connection>;

Address any_port(const char* host) {
  Address address;
  address.host = host;
  return address;
}

struct Pair {
  Stream client, server;
};

Task<void> connect_into(Env& env, Address to, Stream& out) {
  auto connected = co_await env.network().connect(to);
  REQUIRE(connected.ok());
  out = std::move(*connected);
}

Task<void> make_pair(Env& env, Pair& pair) {
  auto listener = env.network().listen(any_port("127.0.0.1"));
  REQUIRE(listener.ok());
  TaskGroup group(env.loop());
  group.spawn(connect_into(env, (*listener)->local(), pair.client));
  auto accepted = co_await (*listener)->accept();
  REQUIRE(accepted.ok());
  pair.server = std::move(*accepted);
  co_await group.join();
}

Task<void> read_all(Connection& from, std::size_t chunk, ByteVector& into, Code& end) {
  ByteVector buffer(chunk);
  while (true) {
    auto got = co_await from.read_some(buffer);
    if (!got.ok()) {
      end = got.error().code();
      co_return;
    }
    into.insert(into.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
  }
}

Task<void> write_forever(Connection& to, Code& end) {
  ByteVector block(256 << 10, 'x');
  std::vector<ByteView> pieces(1, ByteView(block));
  while (true) {
    auto written = co_await to.write(pieces);
    if (written.ok()) continue;
    end = written.error().code();
    co_return;
  }
}

Task<void> read_once(Connection& from, Code& end) {
  ByteVector buffer(16);
  auto got = co_await from.read_some(buffer);
  end = got.ok() ? Code::failed : got.error().code();
}
}  // namespace

TEST_CASE("bytes arrive whole and in order, whatever the pieces") {
  auto body = [](Env& env) -> Task<void> {
    Pair pair;
    co_await make_pair(env, pair);
    EXPECT_EQ(pair.client->peer(), pair.server->local());
    EXPECT_EQ(pair.client->local(), pair.server->peer());
    ByteVector sent(6'000'000), received;
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
    std::vector<ByteView> pieces;
    ByteView rest(sent);
    while (!rest.empty()) {
      std::size_t size = std::min<std::size_t>(rest.size(), env.random().below(20'000));  // some are empty
      pieces.push_back(rest.first(size));
      rest = rest.subspan(size);
    }
    pieces.emplace_back();
    Code end = Code::internal;
    TaskGroup group(env.loop());
    group.spawn(read_all(*pair.server, 10'007, received, end));
    auto written = co_await pair.client->write(pieces);
    EXPECT(written.ok());
    pair.client->close();
    co_await group.join();
    EXPECT(end == Code::end_of_stream);
    EXPECT(received == sent);
  };
  in_real_world(body);
}

TEST_CASE("closing a connection wakes its reader and its writer with `closed`") {
  auto body = [](Env& env) -> Task<void> {
    Pair pair;
    co_await make_pair(env, pair);
    Code reader = Code::internal, writer = Code::internal, late = Code::internal;
    TaskGroup group(env.loop());
    group.spawn(read_once(*pair.client, reader));
    group.spawn(write_forever(*pair.client, writer));
    auto slept = co_await sleep_for(env, milliseconds(20));
    EXPECT(slept.ok());
    EXPECT_EQ(group.size(), 2);
    pair.client->close();
    pair.client->close();
    co_await group.join();
    EXPECT(reader == Code::closed);
    EXPECT(writer == Code::closed);
    co_await read_once(*pair.client, late);
    EXPECT(late == Code::closed);
  };
  in_real_world(body);
}

TEST_CASE("cancelling a reader leaves the writer of the same connection alone") {
  auto body = [](Env& env) -> Task<void> {
    Pair pair;
    co_await make_pair(env, pair);
    Code reader = Code::internal, writer = Code::internal;
    TaskGroup readers(env.loop()), writers(env.loop());
    readers.spawn(read_once(*pair.client, reader));
    writers.spawn(write_forever(*pair.client, writer));
    auto slept = co_await sleep_for(env, milliseconds(20));
    EXPECT(slept.ok());
    co_await readers.stop();
    EXPECT(reader == Code::cancelled);
    EXPECT(writer == Code::internal);
    EXPECT_EQ(writers.size(), 1);
    // The stream still works for both directions.
    ByteVector byte(1, 'y');
    std::vector<ByteView> pieces(1, ByteView(byte));
    auto written = co_await pair.server->write(pieces);
    EXPECT(written.ok());
    auto got = co_await pair.client->read_some(byte);
    EXPECT(got.ok());
    co_await writers.stop();
    EXPECT(writer == Code::cancelled);
  };
  in_real_world(body);
}

TEST_CASE("a task that was cancelled before it reads or writes is told so at once") {
  auto body = [](Env& env) -> Task<void> {
    Pair pair;
    co_await make_pair(env, pair);
    Code writer = Code::internal, reader = Code::internal;
    TaskGroup group(env.loop());
    group.cancel();
    group.spawn(write_forever(*pair.client, writer));
    group.spawn(read_once(*pair.client, reader));
    co_await group.join();
    EXPECT(writer == Code::cancelled);
    EXPECT(reader == Code::cancelled);
  };
  in_real_world(body);
}

TEST_CASE("nobody listening is unreachable, not a wait") {
  auto body = [](Env& env) -> Task<void> {
    auto listener = env.network().listen(any_port("127.0.0.1"));
    REQUIRE(listener.ok());
    Address gone = (*listener)->local();
    (*listener)->close();
    auto refused = co_await env.network().connect(gone);
    EXPECT(refused.is(Code::unreachable));
    EXPECT(refused.error().message().find(gone.to_string()) != std::string_view::npos);
  };
  in_real_world(body);
}

TEST_CASE("a port in use and an address of another machine are refused by listen") {
  auto body = [](Env& env) -> Task<void> {
    auto first = env.network().listen(any_port("127.0.0.1"));
    REQUIRE(first.ok());
    auto second = env.network().listen((*first)->local());
    EXPECT(second.is(Code::in_use));
    EXPECT(!env.network().listen(any_port("192.0.2.1")).ok());
    co_return;
  };
  in_real_world(body);
}

TEST_CASE("closing and cancelling end an accept") {
  auto body = [](Env& env) -> Task<void> {
    auto wait = [](Listener& listener, Code& end) -> Task<void> {
      auto accepted = co_await listener.accept();
      end = accepted.ok() ? Code::failed : accepted.error().code();
    };
    auto listener = env.network().listen(any_port("*"));
    REQUIRE(listener.ok());
    EXPECT((*listener)->local().port != 0);
    Code cancelled = Code::internal, closed = Code::internal;
    TaskGroup group(env.loop());
    group.spawn(wait(**listener, cancelled));
    co_await group.stop();
    EXPECT(cancelled == Code::cancelled);
    TaskGroup again(env.loop());
    again.spawn(wait(**listener, closed));
    auto slept = co_await sleep_for(env, milliseconds(1));
    EXPECT(slept.ok());
    (*listener)->close();
    co_await again.join();
    EXPECT(closed == Code::closed);
  };
  in_real_world(body);
}

TEST_CASE("names are looked up off the loop, and IPv6 works like IPv4") {
  auto body = [](Env& env) -> Task<void> {
    auto listener = env.network().listen(any_port("localhost"));
    REQUIRE(listener.ok());
    Address named = (*listener)->local();
    named.host = "localhost";
    auto connected = co_await env.network().connect(named);
    EXPECT(connected.ok());
    auto six = env.network().listen(any_port("::1"));
    REQUIRE(six.ok());
    auto connected_six = co_await env.network().connect((*six)->local());
    REQUIRE(connected_six.ok());
    EXPECT_EQ((*connected_six)->peer().host, "::1");
  };
  in_real_world(body);
}

TEST_CASE("an IPv4 peer of a listener for both looks like an IPv4 peer") {
  auto body = [](Env& env) -> Task<void> {
    auto listener = env.network().listen(any_port("::"));
    REQUIRE(listener.ok());
    Address at = (*listener)->local();
    at.host = "127.0.0.1";
    auto connected = co_await env.network().connect(at);
    REQUIRE(connected.ok());
    auto accepted = co_await (*listener)->accept();
    REQUIRE(accepted.ok());
    EXPECT_EQ((*accepted)->peer().host, "127.0.0.1");
  };
  in_real_world(body);
}

TEST_CASE("a name that nobody has is unreachable, and a cancelled lookup is not waited for") {
  auto body = [](Env& env) -> Task<void> {
    auto failed = co_await env.network().connect(Address::parse("no-such-host.invalid:1").value());
    EXPECT(failed.is(Code::unreachable));
    auto connect = [](Env& world, Code& end) -> Task<void> {
      auto connected = co_await world.network().connect(Address::parse("no-such-host.invalid:1").value());
      end = connected.ok() ? Code::failed : connected.error().code();
    };
    std::vector<Code> ends(10, Code::internal);  // more than are looked up at once
    TaskGroup group(env.loop());
    for (Code& end : ends) group.spawn(connect(env, end));
    co_await group.stop();
    for (Code end : ends) EXPECT(end == Code::cancelled);
  };
  in_real_world(body);
}

TEST_CASE("a busy stream does not keep timers and others waiting") {
  auto body = [](Env& env) -> Task<void> {
    Pair pair;
    co_await make_pair(env, pair);
    auto drain = [](Connection& from, std::size_t& bytes) -> Task<void> {
      ByteVector buffer(64 << 10);
      while (true) {
        auto got = co_await from.read_some(buffer);
        if (!got.ok()) co_return;
        bytes += *got;
      }
    };
    std::size_t bytes = 0;
    Code end = Code::internal;
    TaskGroup group(env.loop());
    group.spawn(write_forever(*pair.client, end));
    group.spawn(drain(*pair.server, bytes));
    for (int i = 0; i < 20; ++i) {
      auto slept = co_await sleep_for(env, milliseconds(1));
      EXPECT(slept.ok());
    }
    EXPECT(bytes > 1'000'000);
    co_await group.stop();
  };
  in_real_world(body);
}
