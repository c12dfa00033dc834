#include "dht/heartbeat/gossip.h"

#include "base/hash.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

Member gossiped(std::size_t i, std::uint32_t incarnation = 0) {
  Member it;
  it.id = sha256(as_bytes("gossip" + std::to_string(i)));
  it.address = Address{"10.0.0.1", static_cast<std::uint16_t>(i)};
  it.boot_epoch = 1;
  it.incarnation = incarnation;
  return it;
}

struct End {
  explicit End(std::size_t number) : self(gossiped(number).id) { tell_of(gossiped(number)); }
  void tell_of(const Member& member) { REQUIRE(directory.merge(member).ok()); }
  net::Pulse pulse() {
    net::Pulse made;
    more = gossip.tell(directory, self, made);
    return made;
  }
  void take(const net::Pulse& pulse) { REQUIRE(gossip.hear(directory, pulse).ok()); }

  NodeId self;
  Directory directory;
  Gossip gossip;
  bool more = false;
};

// One heartbeat and its answer.
std::size_t exchange(End& one, End& other) {
  net::Pulse request = one.pulse();
  other.take(request);
  net::Pulse answer = other.pulse();
  one.take(answer);
  return request.news.size() + answer.news.size();
}

}  // namespace

TEST_CASE("two that meet tell each other of themselves, then of what changes, once") {
  End one(1), other(2);
  EXPECT(exchange(one, other) == 2);
  EXPECT(exchange(one, other) == 0);
  one.tell_of(gossiped(3));
  other.tell_of(gossiped(4));
  EXPECT(exchange(one, other) == 2);
  EXPECT(exchange(one, other) == 0);
  EXPECT(one.directory.all() == other.directory.all());
}

TEST_CASE("what one end has told is not told back to it") {
  End one(1), other(2);
  exchange(one, other);
  for (std::size_t i = 10; i < 60; ++i) one.tell_of(gossiped(i));
  EXPECT(exchange(one, other) == 50);
  EXPECT(exchange(one, other) == 0);
}

TEST_CASE("a pulse holds a bounded number of changes and the next ones go on from there") {
  End one(1), other(2);
  exchange(one, other);
  for (std::size_t i = 10; i < 1010; ++i) one.tell_of(gossiped(i));
  int rounds = 0;
  do {
    net::Pulse request = one.pulse();
    EXPECT(encode(request).size() <= kNewsBytesMax + 64);
    other.take(request);
    one.take(other.pulse());
    ++rounds;
  } while (one.more);
  EXPECT(rounds > 2);
  EXPECT(one.directory.all() == other.directory.all());
}

TEST_CASE("what was lost on the way is told again") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    net::test::FixedRandom random(seed);
    End one(1), other(2);
    exchange(one, other);
    for (std::uint32_t i = 1; i < 200; ++i) {
      (random.below(2) ? one : other).tell_of(gossiped(10 + random.below(20), i));
      std::uint64_t fate = random.below(4);
      net::Pulse request = one.pulse();
      bool request_lost = fate == 0, answer_lost = fate == 1;
      if (!request_lost) {
        other.take(request);
        net::Pulse answer = other.pulse();
        if (!answer_lost) one.take(answer);
      }
      // Whoever asked sees that the connection broke.
      if (request_lost || answer_lost) one.gossip.rewind();
    }
    for (int i = 0; i < 3; ++i) exchange(one, other);
    REQUIRE(one.directory.all() == other.directory.all());
  }
}

TEST_CASE("whoever is too far behind is told to compare") {
  End one(1), other(2);
  exchange(one, other);
  for (std::uint32_t i = 0; i < 10'000; ++i) one.tell_of(gossiped(3, i));
  EXPECT(!one.gossip.must_compare());
  exchange(one, other);
  EXPECT(one.gossip.must_compare());
}

TEST_CASE("a peer in a new life starts again") {
  End one(1), other(2);
  exchange(one, other);
  End reborn(2);
  one.gossip.forget();
  EXPECT(exchange(one, reborn) == 2);
  one.tell_of(gossiped(3));
  EXPECT(exchange(one, reborn) == 1);
}
