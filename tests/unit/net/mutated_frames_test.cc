// What a hostile peer may send over a connection that it was given.
#include "base/hash.h"
#include "base/metrics.h"
#include "net/outbox.h"
#include "tests/sim/dice.h"
#include "tests/unit/net/node.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using namespace vortex::net::test;
using vortex::sim::Dice;
using vortex::sim::Machine;
using vortex::sim::World;

namespace {

constexpr int kFrames = 20000;

struct Sender {
  explicit Sender(World& world) : dice(world.dice("mutations")) {}
  Dice dice;
  int frames = 0;
  int connections = 0;
  int honest = 0;
};

ByteVector random_bytes(Dice& dice, std::size_t size) {
  ByteVector bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice.next());
  return bytes;
}

ByteVector well_formed(Dice& dice, std::uint64_t id) {
  static constexpr Kind kKinds[] = {Kind::request, Kind::request, Kind::response, Kind::error, Kind::goodbye};
  const MethodInfo& method = all_methods()[dice.below(all_methods().size())];
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(kKinds[dice.below(5)]);
  header.method = header.kind == static_cast<std::uint8_t>(Kind::goodbye) ? 0 : method.number;
  header.request_id = header.method == 0 ? 0 : id;
  if (header.kind == static_cast<std::uint8_t>(Kind::request)) header.deadline_ms = 100;
  Buffer payload;
  if (header.kind <= 2 && dice.below(3) == 0 && method.request_payload_max > 0) {
    payload = Buffer::copy_of(random_bytes(dice, 1 + dice.below(3000)));
    if (method.payload_sum == PayloadSum::frame) header.flags = kFlagPayloadSum;
  }
  EchoRequest body;
  body.data = random_bytes(dice, dice.below(100));
  Outbox outbox;
  Outbox::Batch batch;
  REQUIRE(outbox.add(Priority::normal, header, body, 1000, payload).ok());
  outbox.take(batch);
  ByteVector bytes;
  for (ByteView piece : batch.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

// Puts right sums to whatever the header says now.
void correct_sums(ByteVector& bytes) {
  if (bytes.size() < kFrameHeaderSize) return;
  FrameHeader header;
  std::memcpy(&header, bytes.data(), kFrameHeaderSize);
  std::size_t body = std::min<std::size_t>(header.body_length, bytes.size() - kFrameHeaderSize);
  header.body_sum = body_sum(ByteView(bytes).subspan(kFrameHeaderSize, body));
  store_header(header, bytes.data());
}

ByteVector mutated(Dice& dice, std::uint64_t id) {
  ByteVector bytes = well_formed(dice, id);
  switch (dice.below(7)) {
    case 0:
      bytes[dice.below(bytes.size())] ^= static_cast<std::uint8_t>(1 << dice.below(8));
      break;
    case 1:  // one field of the header, well summed
      bytes[dice.below(kFrameHeaderSize - 8)] = static_cast<std::uint8_t>(dice.next());
      correct_sums(bytes);
      break;
    case 2:  // the body, well summed
      if (bytes.size() > kFrameHeaderSize) bytes[kFrameHeaderSize] = static_cast<std::uint8_t>(dice.next());
      correct_sums(bytes);
      break;
    case 3:
      bytes.resize(dice.below(bytes.size()));
      break;
    case 4: {
      ByteVector more = random_bytes(dice, dice.below(200));
      bytes.insert(bytes.end(), more.begin(), more.end());
      break;
    }
    case 5:
      bytes = random_bytes(dice, 1 + dice.below(300));
      break;
    case 6:
      break;  // well-formed, but perhaps no answer to anything that was asked
  }
  return bytes;
}

// What comes back is read until the connection is closed or nothing more comes.
Task<void> read_away(Connection& connection) {
  ByteVector buffer(4096);
  while (true) {
    auto size = co_await connection.read_some(buffer);
    if (!size.ok()) break;
  }
}

Task<void> attack(Env& env, Target to, Sender& sender) {
  TrustingHandshaker handshaker(id_of(99), Role::client);
  while (sender.frames < kFrames) {
    auto connection = co_await env.network().connect(to.address);
    if (connection.is(Code::cancelled)) break;
    if (!connection.ok()) continue;
    auto secured = co_await handshaker.as_client(std::move(*connection), to.id, Purpose::control);
    if (!secured.ok()) continue;
    ++sender.connections;
    TaskGroup reading(env.loop());
    reading.spawn(read_away(*secured->connection));
    bool open = true;
    for (std::uint64_t id = 1; open && reading.size() > 0 && id < 50; ++id) {
      ByteVector bytes = mutated(sender.dice, id << 16);
      ByteView piece(bytes);
      Status written = co_await secured->connection->write(std::span<const ByteView>(&piece, 1));
      ++sender.frames;
      Status slept = co_await sleep_for(env, microseconds(200));
      open = written.ok() && slept.ok();
    }
    secured->connection->close();
    co_await reading.join();
  }
}

Task<void> be_honest(NetProgram& node, Target to, Sender& sender) {
  while (sender.frames < kFrames) {
    auto reply = co_await node.peers.call<Echo>(to, echo_request("honest"), CallOptions(seconds(1)));
    if (reply.is(Code::cancelled) || reply.is(Code::closed)) break;
    CHECK(reply.ok() && as_text(reply->response.data) == "honest");
    ++sender.honest;
    Status slept = co_await sleep_for(node.env(), milliseconds(5));
    if (!slept.ok()) break;
  }
}

}  // namespace

TEST_CASE("twenty thousand mutated frames cost their senders the connection and honest callers nothing") {
  World world(77);
  Machine& server = world.add_machine();
  Machine& honest = world.add_machine();
  Machine& attacker = world.add_machine();
  NetProgram& node = start_node(server);
  NetProgram& caller = start_node(honest);
  Sender sender(world);
  for (int i = 0; i < 4; ++i) attacker.spawn(attack(attacker.env(), target_of(server), sender));
  honest.spawn(be_honest(caller, target_of(server), sender));
  bool ended = world.run_until([&] { return sender.frames >= kFrames; }, std::chrono::hours(2));
  REQUIRE(ended);
  world.run_for(kHandshakePatience + seconds(1));
  EXPECT_GT(sender.honest, 100);
  EXPECT_GT(sender.connections, 1000);
  EXPECT_GT(server.env().metrics().total("vortex_net_malformed_total"), 1000);
  EXPECT_EQ(honest.env().metrics().total("vortex_net_connects_total"), 1);
  EXPECT_EQ(node.server.channels(), 1);
  EXPECT_EQ(node.board.load.requests(), 0);
  EXPECT_EQ(node.board.load.answer_bytes(), 0);
}
