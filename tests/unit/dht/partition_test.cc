#include "dht/partition/partition.h"

#include "dht/partition/limits.h"
#include "tests/unit/dht/partition_rig.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

TEST_CASE("a batch happens when all its conditions hold, and not at all when one does not") {
  PartitionRig rig;
  Outcome made = rig.batch({}, {put("a", "1"), put("b", "2")});
  REQUIRE(made.kind == OutcomeKind::done);
  EXPECT_EQ(rig.value("a"), "1");
  EXPECT_EQ(rig.version("a"), made.version);

  Applied refused = rig.try_batch({has("a", made.version), has("b", 0)}, {put("a", "x"), without("b")});
  REQUIRE(refused.outcome.kind == OutcomeKind::refused);
  EXPECT_EQ(refused.outcome.failed, 1);
  REQUIRE(refused.found);
  EXPECT_EQ(as_text(refused.found->value()), "2");
  EXPECT_EQ(rig.value("a"), "1");
  EXPECT_EQ(rig.value("b"), "2");

  Outcome changed = rig.batch({has("a", made.version), exists("b"), has("c", 0)}, {put("a", "x"), without("b")});
  REQUIRE(changed.kind == OutcomeKind::done);
  EXPECT_GT(changed.version, made.version);
  EXPECT_EQ(rig.value("a"), "x");
  EXPECT_EQ(rig.value("b"), "absent");
  EXPECT(rig.batch({exists("b")}, {}).kind == OutcomeKind::refused);
  EXPECT(rig.batch({}, {without("b")}).kind == OutcomeKind::done);
}

TEST_CASE("a range is empty up to its end and within its place") {
  PartitionRig rig;
  rig.batch({}, {put("b", "1"), put("d", "2")});
  EXPECT(rig.batch({empty_range("", "b")}, {}).kind == OutcomeKind::done);
  EXPECT(rig.batch({empty_range("c", "d")}, {}).kind == OutcomeKind::done);
  EXPECT(rig.batch({empty_range("e", "")}, {}).kind == OutcomeKind::done);
  Applied refused = rig.try_batch({empty_range("b", "c")}, {});
  REQUIRE(refused.outcome.kind == OutcomeKind::refused);
  REQUIRE(refused.found);
  EXPECT_EQ(as_text(refused.found->key().name), "b");
  EXPECT(rig.batch({empty_range("c", "")}, {}).kind == OutcomeKind::refused);
  Condition elsewhere = empty_range("", "");
  elsewhere.key.place.bytes[31] = 0;
  EXPECT(rig.batch({elsewhere}, {}).kind == OutcomeKind::done);
}

TEST_CASE("a version is never used again, though the record is deleted and made anew") {
  PartitionRig rig;
  Version last = 0;
  for (int i = 0; i < 5; ++i) {
    Outcome made = rig.batch({has("a", 0)}, {put("a", "x")});
    EXPECT_GT(made.version, last);
    Outcome gone = rig.batch({has("a", made.version)}, {without("a")});
    EXPECT_GT(gone.version, made.version);
    last = gone.version;
  }
}

TEST_CASE("an operation that is asked for twice is executed once and answered alike") {
  PartitionRig rig;
  Command add = rig.batch_command({has("a", 0)}, {put("a", "1")});
  Outcome first = rig.apply(add).outcome;
  Outcome second = rig.apply(add).outcome;
  REQUIRE(first.kind == OutcomeKind::done);
  EXPECT(second.kind == OutcomeKind::done);
  EXPECT_EQ(second.version, first.version);

  // One that was refused has had its answer; it must not happen later, when its conditions hold.
  Command wait_for_b = rig.batch_command({exists("b")}, {put("c", "1")});
  EXPECT(rig.apply(wait_for_b).outcome.kind == OutcomeKind::refused);
  rig.batch({}, {put("b", "1")});
  EXPECT(rig.apply(wait_for_b).outcome.kind == OutcomeKind::ended);
  EXPECT_EQ(rig.value("c"), "absent");
}

TEST_CASE("operations of a session that was closed, forgotten or never opened are not executed") {
  PartitionRig rig;
  Command late = rig.batch_command({}, {put("a", "1")});
  Command stranger = late;
  stranger.operation.session = 12345;
  EXPECT(rig.apply(stranger).outcome.kind == OutcomeKind::forgotten);

  for (std::size_t i = 0; i < kSessionsMax; ++i) rig.open_session();
  EXPECT(rig.apply(late).outcome.kind == OutcomeKind::forgotten);
  EXPECT_EQ(rig.value("a"), "absent");
  EXPECT_EQ(rig.partition.sessions().size(), kSessionsMax);

  rig.use(rig.open_session());
  Command once = rig.batch_command({}, {put("a", "1")});
  Command close;
  close.kind = CommandKind::close_session;
  close.operation.session = once.operation.session;
  EXPECT(rig.apply(close).outcome.kind == OutcomeKind::done);
  EXPECT(rig.apply(once).outcome.kind == OutcomeKind::forgotten);
  EXPECT_EQ(rig.value("a"), "absent");
}

TEST_CASE("what was acknowledged is forgotten and never executed, and what is far ahead has to wait") {
  PartitionRig rig;
  Command first = rig.batch_command({}, {put("a", "1")});
  Command second = rig.batch_command({}, {put("a", "2")});
  second.acknowledged = second.operation.sequence;
  rig.apply(second);
  EXPECT(rig.apply(first).outcome.kind == OutcomeKind::ended);
  EXPECT_EQ(rig.value("a"), "2");
  Command far = rig.batch_command({}, {put("a", "3")});
  far.acknowledged = 0;
  far.operation.sequence = second.acknowledged + kSessionWindow;
  EXPECT(rig.apply(far).outcome.kind == OutcomeKind::busy);
  far.acknowledged = second.acknowledged + 1;
  EXPECT(rig.apply(far).outcome.kind == OutcomeKind::done);
}

TEST_CASE("a scan gives whole pages in order and says where to go on") {
  PartitionRig rig;
  std::vector<Write> writes;
  for (int i = 0; i < 1000; ++i) writes.push_back(put("n" + std::to_string(1000 + i), std::string(100, 'v')));
  rig.batch({}, writes);
  Key other = key("n1500");
  other.place.bytes[5] ^= 1;
  Write elsewhere = put("n1500", "elsewhere");
  elsewhere.key = other;
  rig.batch({}, {elsewhere});
  ByteVector from = to_vector(as_bytes("n1100")), end = to_vector(as_bytes("n1900"));
  int next = 1100;
  std::size_t pages = 0;
  do {
    SeenPage page = rig.partition.scan(key("").place, from, end, ScanLimits{300, 10'000});
    REQUIRE(!page.records.empty());
    for (const PackedRecordPtr& record : page.records)
      EXPECT_EQ(as_text(record->key().name), "n" + std::to_string(next++));
    EXPECT_LE(page.records.size(), 100);
    from = page.next;
    ++pages;
  } while (!from.empty());
  EXPECT_EQ(next, 1900);
  EXPECT_GE(pages, 8);
}

TEST_CASE("what a transaction writes is closed to others until it is decided, and then there at once") {
  PartitionRig rig;
  rig.batch({}, {put("a", "1"), put("r", "1")});
  TransactionId transaction = rig.transaction();
  REQUIRE(rig.prepare(transaction, {exists("r")}, {put("a", "2"), put("new", "n")}).kind == OutcomeKind::done);
  EXPECT_EQ(rig.value("a"), "1");

  Outcome blocked = rig.batch({}, {put("a", "3")});
  REQUIRE(blocked.kind == OutcomeKind::blocked);
  REQUIRE_EQ(blocked.transactions.size(), 1);
  EXPECT(blocked.transactions[0] == transaction);
  EXPECT(rig.batch({exists("a")}, {put("z", "3")}).kind == OutcomeKind::blocked);
  EXPECT(rig.batch({empty_range("n", "o")}, {}).kind == OutcomeKind::blocked);
  EXPECT(rig.batch({}, {without("r")}).kind == OutcomeKind::blocked);
  // Conditions on what it only reads are in nobody's way.
  EXPECT(rig.batch({exists("r")}, {put("z", "1")}).kind == OutcomeKind::done);
  // Its home is here, so it is pending and readers need not ask.
  EXPECT(!rig.partition.get(key("a")).writer);

  EXPECT(rig.decide(transaction, true).state == TransactionState::committed);
  EXPECT_EQ(rig.value("a"), "2");
  EXPECT_EQ(rig.value("new"), "n");
  EXPECT(rig.partition.intents().empty());
  EXPECT(rig.decide(transaction, false).state == TransactionState::committed);
  EXPECT(rig.batch({}, {put("a", "3"), without("r")}).kind == OutcomeKind::done);
}

TEST_CASE("a range that a transaction wants empty stays empty until it is decided") {
  PartitionRig rig;
  TransactionId transaction = rig.transaction();
  REQUIRE(rig.prepare(transaction, {empty_range("d/", "d0")}, {put("x", "1")}).kind == OutcomeKind::done);
  EXPECT(rig.batch({}, {put("d/file", "1")}).kind == OutcomeKind::blocked);
  EXPECT(rig.batch({}, {put("d0", "1")}).kind == OutcomeKind::done);
  EXPECT(rig.batch({empty_range("d/", "e")}, {}).kind == OutcomeKind::refused);
  EXPECT(rig.decide(transaction, false).state == TransactionState::aborted);
  EXPECT(rig.batch({}, {put("d/file", "1")}).kind == OutcomeKind::done);
  EXPECT_EQ(rig.value("x"), "absent");
}

TEST_CASE("two transactions may read the same record, and neither may write it then") {
  PartitionRig rig;
  rig.batch({}, {put("header", "1")});
  TransactionId first = rig.transaction(), second = rig.transaction(), third = rig.transaction();
  EXPECT(rig.prepare(first, {exists("header")}, {put("a", "1")}).kind == OutcomeKind::done);
  EXPECT(rig.prepare(second, {exists("header")}, {put("b", "1")}).kind == OutcomeKind::done);
  Outcome blocked = rig.prepare(third, {}, {without("header")});
  EXPECT(blocked.kind == OutcomeKind::blocked);
  EXPECT_EQ(blocked.transactions.size(), 2);
  rig.decide(first, true);
  EXPECT(rig.prepare(third, {}, {without("header")}).kind == OutcomeKind::blocked);
  rig.decide(second, false);
  EXPECT(rig.prepare(third, {}, {without("header")}).kind == OutcomeKind::done);
  EXPECT_EQ(rig.value("a"), "1");
  EXPECT_EQ(rig.value("b"), "absent");
}

TEST_CASE("elsewhere than at home readers are told who will write, and intents stay until they are resolved") {
  PartitionRig rig;
  TransactionId foreign;
  foreign.home = rig.partition.number() + 1;
  foreign.operation.session = 5;
  REQUIRE(rig.prepare(foreign, {has("a", 0)}, {put("a", "1")}).kind == OutcomeKind::done);
  Seen seen = rig.partition.get(key("a"));
  EXPECT(!seen.record);
  REQUIRE(seen.writer);
  EXPECT(*seen.writer == foreign);
  EXPECT_EQ(rig.partition.scan(key("").place, {}, {}, ScanLimits()).writers.size(), 1);
  EXPECT(rig.partition.scan(key("").place, to_vector(as_bytes("b")), {}, ScanLimits()).writers.empty());
  rig.resolve(foreign, true);
  EXPECT_EQ(rig.value("a"), "1");
  EXPECT(!rig.partition.get(key("a")).writer);
  // Late words about it change nothing.
  rig.resolve(foreign, false);
  EXPECT_EQ(rig.value("a"), "1");
}

TEST_CASE("a version written by a transaction is above all before it and below all after it") {
  PartitionRig rig;
  Outcome before = rig.batch({}, {put("a", "1")});
  TransactionId transaction = rig.transaction();
  Outcome prepared = rig.prepare(transaction, {has("a", before.version)}, {put("a", "2")});
  rig.batch({}, {put("b", "1")});
  rig.decide(transaction, true);
  EXPECT_EQ(rig.version("a"), prepared.version);
  EXPECT_GT(prepared.version, before.version);
  EXPECT_GT(rig.batch({}, {put("a", "3")}).version, prepared.version);
}

TEST_CASE("the record of a transaction outlives its session only while intents may be elsewhere") {
  PartitionRig rig;
  TransactionId pending = rig.transaction(), committed = rig.transaction(), aborted = rig.transaction();
  rig.prepare(pending, {}, {put("p", "1")}, {7});
  rig.prepare(committed, {}, {put("c", "1")}, {7});
  rig.prepare(aborted, {}, {put("x", "1")}, {7});
  rig.decide(committed, true);
  rig.decide(aborted, false);
  EXPECT(rig.partition.state_of(pending) == TransactionState::pending);
  rig.close_session();
  EXPECT(rig.partition.state_of(pending) == TransactionState::absent);
  EXPECT(rig.partition.state_of(aborted) == TransactionState::absent);
  EXPECT(rig.partition.state_of(committed) == TransactionState::committed);
  EXPECT(rig.partition.intents().empty());
  EXPECT_EQ(rig.value("p"), "absent");
  EXPECT(rig.decide(pending, true).state == TransactionState::absent);
  rig.finish(committed);
  EXPECT(rig.partition.state_of(committed) == TransactionState::absent);
  EXPECT_EQ(rig.partition.decisions().size(), 0);
}

TEST_CASE("an outcome stays until it was acknowledged, also when all intents are gone") {
  PartitionRig rig;
  TransactionId transaction = rig.transaction();
  rig.prepare(transaction, {}, {put("c", "1")}, {7});
  rig.decide(transaction, true);
  rig.finish(transaction);
  EXPECT(rig.decide(transaction, true).state == TransactionState::committed);
  Command next = rig.batch_command({}, {});
  next.acknowledged = next.operation.sequence;
  rig.apply(next);
  EXPECT(rig.partition.state_of(transaction) == TransactionState::absent);
}

TEST_CASE("commands that make no sense leave the state as it is") {
  PartitionRig rig;
  TransactionId transaction = rig.transaction();
  rig.prepare(transaction, {}, {put("a", "1")});
  Command again = rig.batch_command({}, {put("b", "1")});
  again.kind = CommandKind::prepare;
  again.transaction = transaction;
  EXPECT(rig.apply(again).outcome.kind == OutcomeKind::invalid);
  EXPECT(rig.resolve(transaction, true).kind == OutcomeKind::invalid);
  TransactionId foreign;
  foreign.home = 77;
  EXPECT(rig.decide(foreign, true).kind == OutcomeKind::invalid);
  EXPECT_EQ(rig.value("a"), "absent");

  Batch twice;
  twice.writes = {put("a", "1"), put("b", "1"), put("a", "2")};
  EXPECT(validate(twice).is(Code::invalid_argument));
  Batch large;
  large.writes = {put("a", std::string(kRecordValueMax + 1, 'x'))};
  EXPECT(validate(large).is(Code::too_large));
}
