// A leader, step by step, beside followers that are played by the test.
#include <deque>

#include "base/limits.h"
#include "base/random.h"
#include "dht/raft/raft.h"
#include "tests/sim/dice.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht::raft;

namespace {

constexpr Index kBase = 100, kLast = 120;

Replica replica(std::uint8_t number) {
  Replica one;
  one.node.bytes[0] = number;
  one.generation = number;
  return one;
}

// Everybody's node is always heard.
class AllHeard final : public Heartbeats {
 public:
  Instant heard(const NodeId&) const override { return now; }
  std::uint64_t boot_epoch(const NodeId&) const override { return 1; }
  Instant acknowledged(const NodeId&) const override { return now; }
  Instant promised_until(const NodeId&) const override { return Instant(); }
  Instant now = Instant(seconds(100));
};

Configuration three() {
  Configuration configuration;
  for (std::uint8_t number = 1; number <= 3; ++number) configuration.voters.push_back(replica(number));
  return configuration;
}

Restored long_log() {
  Restored restored;
  restored.hard_state.term = 1;
  restored.configuration = three();
  restored.commit = kBase;
  restored.log = Log(kBase, 1);
  for (Index index = kBase + 1; index <= kLast; ++index) {
    Entry entry;
    entry.term = 1;
    entry.index = index;
    entry.kind = EntryKind::command;
    restored.log.append(std::move(entry));
  }
  return restored;
}

Options options_of(std::size_t uncommitted) {
  Options options;
  options.self = replica(1);
  options.boot_epoch = 1;
  options.uncommitted_bytes_max = uncommitted;
  return options;
}

struct Rig {
  explicit Rig(std::size_t uncommitted = kMiB)
      : dice(1, "raft"), raft(options_of(uncommitted), long_log(), heartbeats, dice, heartbeats.now) {
    for (int i = 0; i < 100 && !raft.is_leader(); ++i) pass(milliseconds(100));
    REQUIRE(raft.is_leader());
  }
  // The second replica votes and, if it `follows`, has every entry at once. The third says nothing.
  void pass(Duration time) {
    heartbeats.now += time;
    raft.tick(heartbeats.now);
    while (raft.has_ready()) {
      Ready ready = raft.take_ready();
      raft.durable(ready.ticket);
      snapshots += ready.snapshots_wanted.size();
      for (const Message& message : ready.send_now) answer(message);
      for (const Message& message : ready.send_when_durable) answer(message);
    }
  }
  void answer(const Message& message) {
    if (message.to != replica(2)) return;
    Message reply;
    reply.from = message.to;
    reply.to = message.from;
    reply.boot_epoch = 1;
    reply.term = message.term;
    if (message.kind == MessageKind::pre_vote || message.kind == MessageKind::vote) {
      reply.kind = message.kind == MessageKind::vote ? MessageKind::vote_reply : MessageKind::pre_vote_reply;
    } else if (message.kind == MessageKind::append && follows) {
      reply.kind = MessageKind::append_reply;
      reply.refused = message.index > has;
      reply.index = reply.refused ? has : message.index + message.entries.size();
      has = std::max(has, reply.index);
    } else {
      return;
    }
    raft.step(reply, heartbeats.now);
  }

  AllHeard heartbeats;
  sim::Dice dice;
  Raft raft;
  bool follows = true;
  Index has = kLast;  // of the second
  std::size_t snapshots = 0;
};

}  // namespace

TEST_CASE("a follower that was not heard since the election is asked where its log ends before it is sent a snapshot") {
  Rig rig;
  for (int i = 0; i < 100; ++i) rig.pass(milliseconds(100));
  EXPECT_EQ(rig.snapshots, 0);
  EXPECT(rig.raft.commit() > kLast);
}

TEST_CASE("a leader whose followers are silent takes commands up to a limit of their bytes") {
  Rig rig(64 * kKiB);
  rig.pass(milliseconds(100));
  rig.follows = false;
  std::size_t taken = 0;
  Status last;
  while (last.ok() && taken < 1000) {
    auto index = rig.raft.propose(ByteVector(kKiB));
    last = index.ok() ? Status() : Status(index.error());
    taken += index.ok();
  }
  EXPECT(last.is(Code::busy));
  EXPECT(taken > 50);
  EXPECT(taken < 64);
  rig.follows = true;
  for (int i = 0; i < 20; ++i) rig.pass(milliseconds(100));
  EXPECT(rig.raft.propose(ByteVector(kKiB)).ok());
}

TEST_CASE("a follower that has lost the end of what it acknowledged gets it again") {
  Rig rig;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(rig.raft.propose(ByteVector(10)).ok());
    rig.pass(milliseconds(100));
  }
  REQUIRE_EQ(rig.has, rig.raft.log().last_index());
  rig.has -= 5;
  REQUIRE(rig.raft.propose(ByteVector(10)).ok());
  for (int i = 0; i < 50; ++i) rig.pass(milliseconds(100));
  EXPECT_EQ(rig.has, rig.raft.log().last_index());
  EXPECT_EQ(rig.raft.commit(), rig.raft.log().last_index());
}
