// What somebody between two ends, or at one of them, can do about the handshake: nothing but end it.
#include <array>

#include "net/hello_io.h"
#include "net/tls_stream.h"
#include "tests/unit/net/handshake_rig.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;

namespace {

constexpr std::array kTransports = {Transport::tls, Transport::plain};

// Notes what goes through the lane.
void record(PipeLane& lane, ByteVector& into) {
  lane.tamper = [&into](std::size_t, std::uint8_t& byte) { into.push_back(byte); };
}

// Plays bytes to one side of a handshake, says no more, and listens until the other side leaves.
Task<void> play(std::unique_ptr<Connection> connection, ByteVector bytes) {
  auto* end = static_cast<PipeEnd*>(connection.get());
  ByteView piece(bytes);
  Status written = co_await end->write(std::span<const ByteView>(&piece, 1));
  end->finish();
  ByteVector heard(1000);
  while (true) {
    auto size = co_await end->read_some(heard);
    if (!size.ok()) break;
  }
}

Task<void> pump(Connection& from, Connection& to) {
  ByteVector buffer(1000);
  while (true) {
    auto size = co_await from.read_some(buffer);
    if (!size.ok()) break;
    ByteView piece = ByteView(buffer).first(*size);
    Status status = co_await to.write(std::span<const ByteView>(&piece, 1));
    if (!status.ok()) break;
  }
  to.close();
}

// Ends TLS on both sides with a certificate of its own and passes on what is said inside.
struct Interceptor {
  Interceptor(Loop& loop, const Identity& identity) : tls(identity), caller_pipe(loop), node_pipe(loop) {}
  static Task<void> run(Interceptor& self, TaskGroup& group) {
    self.to_caller = std::make_unique<TlsStream>(self.tls, std::move(self.caller_pipe.server), TlsSide::server);
    self.to_node = std::make_unique<TlsStream>(self.tls, std::move(self.node_pipe.client), TlsSide::client);
    Status caller = co_await self.to_caller->handshake();
    Status node = co_await self.to_node->handshake();
    if (!caller.ok() || !node.ok()) co_return;
    self.between = true;
    group.spawn(pump(*self.to_caller, *self.to_node));
    group.spawn(pump(*self.to_node, *self.to_caller));
  }
  TlsContext tls;
  Pipe caller_pipe, node_pipe;
  std::unique_ptr<TlsStream> to_caller, to_node;
  bool between = false;
};

}  // namespace

TEST_CASE("no byte of a plain handshake can be changed without its reader noticing") {
  for (bool client : {false, true}) {
    Rig measured;
    auto prepare = [client](Rig& rig) {
      rig.transport(Transport::plain);
      if (!client) return;
      AccessKey key;
      key.secret = make_secret(5);
      rig.node.credentials.add_access_key("key-1", key);
      rig.make_client(make_secret(5));
    };
    prepare(measured);
    Meeting good = measured.meet();
    REQUIRE(accepted(good.caller));
    std::size_t up = measured.pipe->to_server->written, down = measured.pipe->to_client->written;
    for (std::size_t at = 0; at < up + down; ++at) {
      Rig rig;
      prepare(rig);
      bool upwards = at < up;
      std::size_t offset = upwards ? at : at - up;
      rig.arrange = [&](Pipe& pipe) {
        auto& lane = upwards ? pipe.to_server : pipe.to_client;
        lane->tamper = [offset, at](std::size_t position, std::uint8_t& byte) {
          if (position == offset) byte ^= static_cast<std::uint8_t>(1 + at % 255);
        };
      };
      Meeting meeting = rig.meet();
      CAPTURE(at);
      EXPECT(!accepted(upwards ? meeting.acceptor : meeting.caller));
    }
  }
}

TEST_CASE("nothing said inside TLS can be changed without ending the connection") {
  Rig measured;
  Meeting good = measured.meet();
  REQUIRE(accepted(good.caller));
  std::size_t up = measured.pipe->to_server->written, down = measured.pipe->to_client->written;
  for (std::size_t at = 0; at < up + down; ++at) {
    Rig rig;
    bool upwards = at < up;
    std::size_t offset = upwards ? at : at - up;
    rig.arrange = [&](Pipe& pipe) {
      auto& lane = upwards ? pipe.to_server : pipe.to_client;
      lane->tamper = [offset](std::size_t position, std::uint8_t& byte) {
        if (position == offset) byte ^= 0x55;
      };
    };
    Meeting meeting = rig.meet();
    CAPTURE(at);
    bool both = accepted(meeting.caller) && accepted(meeting.acceptor);
    // The versions in the headers of the two records before encryption begins mean nothing to anybody.
    bool meaningless = offset == 1 || offset == 2;
    if (both) EXPECT_EQ((*meeting.acceptor)->peer.id, rig.caller.identity.id());
    if (!meaningless) EXPECT(!both);
  }
}

TEST_CASE("a stream that is cut after any byte ends the handshake on both sides, and nobody waits for ever") {
  for (Transport transport : kTransports) {
    Rig measured;
    measured.transport(transport);
    REQUIRE(accepted(measured.meet().caller));
    std::size_t up = measured.pipe->to_server->written, down = measured.pipe->to_client->written;
    for (std::size_t at = 0; at < up + down; at += transport == Transport::tls ? 7 : 1) {
      Rig rig;
      rig.transport(transport);
      bool upwards = at < up;
      std::size_t left = upwards ? at : at - up;
      rig.arrange = [&](Pipe& pipe) {
        PipeLane& lane = upwards ? *pipe.to_server : *pipe.to_client;
        lane.tamper = [&lane, left](std::size_t position, std::uint8_t&) {
          if (position >= left) lane.cut = true;
        };
      };
      Meeting meeting = rig.meet();
      CAPTURE(at);
      EXPECT(!accepted(upwards ? meeting.acceptor : meeting.caller));
    }
  }
}

TEST_CASE("a handshake works however the stream is split") {
  for (Transport transport : kTransports) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      Rig rig;
      rig.transport(transport);
      FixedRandom dice(seed);
      rig.arrange = [&](Pipe& pipe) {
        auto split = [&dice, seed](std::size_t size) { return seed == 1 ? 1 : dice.below(size) + 1; };
        pipe.to_server->split = pipe.to_client->split = split;
        pipe.to_server->capacity = pipe.to_client->capacity = 1 + dice.below(400);
      };
      Meeting meeting = rig.meet();
      EXPECT_EQ(say(meeting.caller), "ok");
      EXPECT_EQ(say(meeting.acceptor), "ok");
    }
  }
}

TEST_CASE("what a caller said in a handshake that worked is worth nothing when said again") {
  Rig rig;
  rig.transport(Transport::plain);
  ByteVector said;
  rig.arrange = [&](Pipe& pipe) { record(*pipe.to_server, said); };
  REQUIRE(accepted(rig.meet().acceptor));
  std::optional<Result<Secured>> outcome;
  SecureHandshaker server = rig.node.make();
  Pipe pipe(rig.loop);
  rig.group.spawn(Rig::accept(server, std::move(pipe.server), outcome));
  rig.group.spawn(play(std::move(pipe.client), said));
  rig.run();
  REQUIRE(outcome);
  EXPECT_EQ(say(outcome), "unauthenticated: the id claimed was not proven");
}

TEST_CASE("what a node said in a handshake that worked does not convince another caller") {
  for (bool same_nonce : {false, true}) {
    Rig rig;
    rig.transport(Transport::plain);
    ByteVector said;
    rig.arrange = [&](Pipe& pipe) { record(*pipe.to_client, said); };
    REQUIRE(accepted(rig.meet().caller));
    std::optional<Result<Secured>> outcome;
    // With the very same nonce it would: so it is the nonce that protects, and the test is no accident.
    if (same_nonce) rig.caller.random = FixedRandom(2);
    SecureHandshaker client = rig.caller.make();
    Pipe pipe(rig.loop);
    rig.group.spawn(Rig::call(client, std::move(pipe.client), std::nullopt, Purpose::bulk, outcome));
    rig.group.spawn(play(std::move(pipe.server), said));
    rig.run();
    REQUIRE(outcome);
    EXPECT_EQ(say(outcome), same_nonce ? "ok"
                                       : "unauthenticated: the other side could not prove that it belongs to the "
                                         "cluster");
  }
}

TEST_CASE("a caller's own words sent back to it prove nothing") {
  for (Transport transport : kTransports) {
    Rig rig;
    rig.transport(transport);
    std::optional<Result<Secured>> outcome;
    SecureHandshaker client = rig.caller.make();
    auto lane = std::make_shared<PipeLane>(rig.loop);
    auto mirror = std::make_unique<PipeEnd>(lane, lane);
    rig.group.spawn(Rig::call(client, std::move(mirror), std::nullopt, Purpose::bulk, outcome));
    rig.run();
    REQUIRE(outcome);
    EXPECT(outcome->is(Code::bad_message));
  }
}

TEST_CASE("proofs name their side, so that one side's proof is not the other's") {
  Transcript transcript(std::nullopt);
  transcript.add(as_bytes("said"));
  Secret secret = make_secret(1);
  EXPECT_NE(transcript.mac(Transcript::Side::initiator, secret.view()),
            transcript.mac(Transcript::Side::acceptor, secret.view()));
  Identity identity = make_identity(1);
  Signature signature = transcript.sign(Transcript::Side::initiator, identity);
  EXPECT(transcript.verify(Transcript::Side::initiator, identity.public_key(), signature));
  EXPECT(!transcript.verify(Transcript::Side::acceptor, identity.public_key(), signature));
}

TEST_CASE("two callers that are connected to each other both give up, and so do two acceptors") {
  for (Transport transport : kTransports) {
    Rig rig;
    rig.transport(transport);
    std::optional<Result<Secured>> one, two;
    SecureHandshaker a = rig.caller.make(), b = rig.node.make();
    Pipe pipe(rig.loop);
    rig.group.spawn(Rig::call(a, std::move(pipe.client), std::nullopt, Purpose::bulk, one));
    rig.group.spawn(Rig::call(b, std::move(pipe.server), std::nullopt, Purpose::bulk, two));
    rig.run();
    EXPECT(one);
    EXPECT(two);
    EXPECT(!accepted(one));
    EXPECT(!accepted(two));
  }
}

TEST_CASE(
    "who sits in the middle of TLS with a key of its own can pass nothing on, not even for a client without one") {
  for (bool client : {false, true}) {
    Rig rig;
    if (client) {
      AccessKey key;
      key.secret = make_secret(5);
      rig.node.credentials.add_access_key("key-1", key);
      rig.make_client(make_secret(5));
    }
    Interceptor middle(rig.loop, make_identity(66));
    SecureHandshaker a = rig.caller.make(), b = rig.node.make();
    std::optional<Result<Secured>> caller, acceptor;
    rig.group.spawn(Interceptor::run(middle, rig.group));
    rig.group.spawn(Rig::call(a, std::move(middle.caller_pipe.client), std::nullopt, Purpose::bulk, caller));
    rig.group.spawn(Rig::accept(b, std::move(middle.node_pipe.server), acceptor));
    rig.run();
    EXPECT(middle.between);
    EXPECT_EQ(say(acceptor), client ? "unauthenticated: wrong access key"
                                    : "unauthenticated: the id claimed is not the one that TLS has proven");
    EXPECT(!accepted(caller));
    middle.to_caller->close();
    middle.to_node->close();
    rig.run();
  }
}

TEST_CASE("a cluster that knows the key's name but not its secret does not convince a client") {
  for (Transport transport : kTransports) {
    Rig rig;
    rig.transport(transport);
    rig.make_client(make_secret(5));
    // It accepts whoever comes and answers as well as it can.
    auto impostor = [](End& self, Transport way, std::unique_ptr<Connection> connection) -> Task<void> {
      std::unique_ptr<TlsStream> tls;
      TlsContext context(self.identity);
      Connection* stream = connection.get();
      std::optional<Id> binding;
      if (way == Transport::tls) {
        tls = std::make_unique<TlsStream>(context, std::move(connection), TlsSide::server);
        Status status = co_await tls->handshake();
        EXPECT(status.ok());
        stream = tls.get();
        binding = tls->channel_binding();
      }
      HelloIo io(*stream);
      Transcript transcript(binding);
      auto hello = co_await io.read(HelloKind::hello);
      REQUIRE(hello.ok());
      transcript.add(*hello);
      Answer answer;
      answer.version_min = answer.version_max = kVersion;
      answer.cluster = make_cluster(1);
      answer.public_key = self.identity.public_key();
      ByteVector answer_message = make_hello(answer);
      if (way == Transport::plain) {
        transcript.add(answer_message);
        Status status = co_await io.write(answer_message);
        EXPECT(status.ok());
      }
      auto proof = co_await io.read(HelloKind::proof);
      REQUIRE(proof.ok());
      transcript.add(*proof);
      if (way == Transport::tls) transcript.add(answer_message);
      Welcome welcome;
      welcome.keyed.mac = transcript.mac(Transcript::Side::acceptor, make_secret(99).view());
      if (way == Transport::plain) welcome.signature = transcript.sign(Transcript::Side::acceptor, self.identity);
      ByteVector out = way == Transport::tls ? answer_message : ByteVector();
      ByteVector welcome_message = make_hello(welcome);
      out.insert(out.end(), welcome_message.begin(), welcome_message.end());
      Status status = co_await io.write(std::move(out));
      EXPECT(status.ok());
    };
    Pipe pipe(rig.loop);
    std::optional<Result<Secured>> outcome;
    SecureHandshaker client = rig.caller.make();
    rig.group.spawn(impostor(rig.node, transport, std::move(pipe.server)));
    rig.group.spawn(Rig::call(client, std::move(pipe.client), std::nullopt, Purpose::bulk, outcome));
    rig.run();
    EXPECT_EQ(say(outcome), "unauthenticated: the other side could not prove that it belongs to the cluster");
  }
}

TEST_CASE("who was evicted and kept the old secret gets nowhere, under its own name or another") {
  for (Transport transport : kTransports) {
    for (bool own_name : {true, false}) {
      for (bool calls : {true, false}) {
        Rig rig;
        rig.transport(transport);
        End& thief = calls ? rig.caller : rig.node;
        End& honest = calls ? rig.node : rig.caller;
        honest.credentials.set_standing(thief.identity.id(), Standing::evicted);
        honest.credentials.replace_secret(make_secret(12));
        if (!own_name) thief.local.identity = make_identity(77);
        Meeting meeting = rig.meet();
        auto& seen = calls ? meeting.acceptor : meeting.caller;
        EXPECT(seen->is(own_name ? Code::permission_denied : Code::unauthenticated));
      }
    }
  }
}

TEST_CASE("bytes at random, and handshakes changed at random, are refused while honest callers are served") {
  for (Transport transport : kTransports) {
    Rig rig;
    rig.transport(transport);
    ByteVector said;
    rig.arrange = [&](Pipe& pipe) { record(*pipe.to_server, said); };
    REQUIRE(accepted(rig.meet().acceptor));
    rig.arrange = nullptr;
    FixedRandom dice(42);
    SecureHandshaker server = rig.node.make();
    int rounds = transport == Transport::plain ? 20'000 : 2'000;
    for (int round = 0; round < rounds; ++round) {
      ByteVector bytes = said;
      if (round % 10 == 0) {
        bytes.resize(dice.below(300));
        dice.fill(bytes);
      }
      for (std::uint64_t changes = dice.below(6); changes > 0 && !bytes.empty(); --changes) {
        auto at = bytes.begin() + static_cast<std::ptrdiff_t>(dice.below(bytes.size()));
        switch (dice.below(4)) {
          case 0:
            *at = static_cast<std::uint8_t>(dice.next());
            break;
          case 1:
            bytes.erase(at);
            break;
          case 2:
            bytes.insert(at, static_cast<std::uint8_t>(dice.next()));
            break;
          default:
            bytes.erase(at, bytes.end());
        }
      }
      std::optional<Result<Secured>> outcome;
      Pipe pipe(rig.loop);
      rig.group.spawn(Rig::accept(server, std::move(pipe.server), outcome));
      rig.group.spawn(play(std::move(pipe.client), std::move(bytes)));
      rig.run();
      REQUIRE(outcome);
      EXPECT(!outcome->ok());
      if (round % 500 == 0) EXPECT_EQ(say(rig.meet().caller), "ok");
    }
  }
}

TEST_CASE("a Hello that is spread over more and more records is given up at the limit") {
  Rig rig;
  auto drip = [](TlsStream& stream) -> Task<void> {
    Status shaken = co_await stream.handshake();
    EXPECT(shaken.ok());
    ByteVector bytes(kHelloHeaderSize + 2047);  // one less than it says
    std::uint8_t header[] = {'V', 'X', 'N', 'H', 1, 0, 0x00, 0x08};
    std::copy(std::begin(header), std::end(header), bytes.begin());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      ByteView piece = ByteView(bytes).subspan(at, 1);
      Status sent = co_await stream.write(std::span<const ByteView>(&piece, 1));
      if (!sent.ok()) break;
    }
  };
  Pipe pipe(rig.loop);
  TlsContext context(rig.caller.identity);
  TlsStream caller(context, std::move(pipe.client), TlsSide::client);
  SecureHandshaker server = rig.node.make();
  std::optional<Result<Secured>> outcome;
  rig.group.spawn(Rig::accept(server, std::move(pipe.server), outcome));
  rig.group.spawn(drip(caller));
  rig.run();
  REQUIRE(outcome);
  EXPECT(outcome->is(Code::too_large));
}

TEST_CASE("a caller who never ends its first message is given up at the limit, not at the end of memory") {
  for (std::uint8_t first : {std::uint8_t(0x16), std::uint8_t('V')}) {
    Rig rig;
    rig.transport(Transport::plain);
    auto flood = [](std::unique_ptr<Connection> connection, std::uint8_t byte) -> Task<void> {
      // A TLS record of the greatest length, again and again; or a Hello of the greatest length.
      ByteVector bytes(16'389);
      if (byte == 0x16) {
        std::uint8_t header[] = {0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff};
        std::copy(std::begin(header), std::end(header), bytes.begin());
      } else {
        std::uint8_t header[] = {'V', 'X', 'N', 'H', 1, 0, 0xff, 0xff};
        std::copy(std::begin(header), std::end(header), bytes.begin());
      }
      ByteView piece(bytes);
      for (int i = 0; i < 1000; ++i) {
        Status status = co_await connection->write(std::span<const ByteView>(&piece, 1));
        if (!status.ok()) break;
      }
    };
    SecureHandshaker server = rig.node.make();
    std::optional<Result<Secured>> outcome;
    Pipe pipe(rig.loop);
    pipe.to_server->capacity = 4000;
    rig.group.spawn(flood(std::move(pipe.client), first));
    rig.group.spawn(Rig::accept(server, std::move(pipe.server), outcome));
    rig.run();
    REQUIRE(outcome);
    EXPECT(!outcome->ok());
    EXPECT_LT(pipe.to_server->written, 70'000);
  }
}

TEST_CASE("a handshake that is cancelled at any point ends at once, and closes its connection") {
  for (Transport transport : kTransports) {
    for (int steps = 0; steps < 60; ++steps) {
      Rig rig;
      rig.transport(transport);
      std::optional<Result<Secured>> caller, acceptor;
      SecureHandshaker a = rig.caller.make(), b = rig.node.make();
      Pipe pipe(rig.loop);
      pipe.to_client->capacity = pipe.to_server->capacity = 100;
      TaskGroup doomed(rig.loop);
      doomed.spawn(Rig::accept(b, std::move(pipe.server), acceptor));
      doomed.spawn(Rig::call(a, std::move(pipe.client), std::nullopt, Purpose::bulk, caller));
      rig.context.restart();
      for (int i = 0; i < steps; ++i) rig.context.poll_one();
      doomed.cancel();
      rig.run();
      EXPECT_EQ(doomed.size(), 0);
      REQUIRE(caller);
      REQUIRE(acceptor);
      if (!accepted(caller) || !accepted(acceptor)) EXPECT(pipe.to_client->finished);
    }
  }
}

TEST_CASE("not a byte behind the handshake is taken from the stream") {
  Rig rig;
  rig.transport(Transport::plain);
  auto accept_and_speak = [](SecureHandshaker& server, std::unique_ptr<Connection> connection) -> Task<void> {
    auto secured = co_await server.as_server(std::move(connection));
    REQUIRE(secured.ok());
    ByteView piece = as_bytes("first words");
    Status status = co_await secured->connection->write(std::span<const ByteView>(&piece, 1));
    EXPECT(status.ok());
  };
  SecureHandshaker client = rig.caller.make(), server = rig.node.make();
  std::optional<Result<Secured>> outcome;
  Pipe pipe(rig.loop);
  rig.group.spawn(accept_and_speak(server, std::move(pipe.server)));
  rig.group.spawn(Rig::call(client, std::move(pipe.client), std::nullopt, Purpose::bulk, outcome));
  rig.run();
  REQUIRE_EQ(say(outcome), "ok");
  EXPECT_EQ(pipe.to_client->bytes.size(), 11);
}
