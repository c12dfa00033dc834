#include "dht/records_client/records_client.h"

#include "dht/partition/limits.h"
#include "tests/sim/world.h"
#include "tests/support/local_port.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

Key at(std::uint8_t place, std::string_view name = "x") {
  Key key;
  key.place.bytes[0] = place;
  key.name = to_vector(as_bytes(name));
  return key;
}

Write write_at(std::uint8_t place, std::string_view value, std::string_view name = "x") {
  Write write;
  write.key = at(place, name);
  write.value = to_vector(as_bytes(value));
  return write;
}

Condition version_at(std::uint8_t place, Version version) {
  Condition condition;
  condition.key = at(place);
  condition.version = version;
  return condition;
}

// Two places in different partitions, the first in the lower one.
std::pair<std::uint8_t, std::uint8_t> two_places(std::uint32_t partitions) {
  for (std::uint8_t i = 0; i < 255; ++i)
    if (partition_of(at(i).place, partitions) < partition_of(at(255).place, partitions)) return {i, 255};
  return {0, 0};
}

struct Bench {
  Env& env;
  LocalPartitions& partitions;
  LocalNetwork network;
  LocalPort port;
  RecordsClient client;

  Bench(Env& e, LocalPartitions& p, LocalPortOptions options = LocalPortOptions(),
        RecordsClientOptions client_options = RecordsClientOptions())
      : env(e),
        partitions(p),
        network(p, [&e](Duration delay,
                        UniqueFunction<void()> action) { e.clock().call_at(e.now() + delay, std::move(action)); }),
        port(e, network, options),
        client(e, port, client_options) {}
  // Until nothing of any transaction is left.
  Task<Status> settled() {
    for (PartitionNumber p = 0; p < partitions.count(); ++p)
      while (partitions.partition(p).intents().size() > 0) CO_RETURN_IF_ERROR(co_await sleep_for(env, milliseconds(1)));
    co_return Status();
  }
  Task<void> stop() {
    co_await client.stop();
    // What is late arrives while there is still something to arrive at.
    (void)(co_await sleep_for(env, seconds(4))).ok();
  }
};

template <class Body>
void with_partitions(std::uint64_t seed, Body body) {
  sim::World world(seed);
  LocalPartitions partitions;
  auto whole = [](Env& env, LocalPartitions* shared, Body run) -> Task<Status> {
    co_return co_await run(env, *shared);
  };
  Status status = world.run(world.add_machine(), whole, &partitions, body);
  EXPECT(status.ok());
  if (!status.ok()) FAIL(status.error().to_string());
}

}  // namespace

TEST_CASE("a client's puts, conditions, scans and transactions do what records promise") {
  with_partitions(1, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
    Bench bench(env, partitions);
    auto [low, high] = two_places(partitions.count());
    Batch both;
    both.writes.push_back(write_at(low, "1"));
    both.writes.push_back(write_at(high, "2"));
    both.conditions.push_back(version_at(high, 0));
    CO_ASSIGN_OR_RETURN(Commit made, co_await bench.client.commit(both, seconds(5)));
    EXPECT(made.done);
    CO_ASSIGN_OR_RETURN(auto record, co_await bench.client.get(at(high), seconds(5)));
    EXPECT(record.has_value());
    EXPECT_EQ(record->version, made.versions[1]);
    CO_ASSIGN_OR_RETURN(Commit again, co_await bench.client.commit(both, seconds(5)));
    EXPECT(!again.done);
    EXPECT_EQ(again.failed, 0);
    EXPECT_EQ(as_text(again.found->value), "2");
    CO_ASSIGN_OR_RETURN(
        Page page, co_await bench.client.scan(at(low).place, ByteVector(), ByteVector(), ScanLimits(), seconds(5)));
    EXPECT_EQ(page.records.size(), 1);
    co_await bench.stop();
    for (PartitionNumber p = 0; p < partitions.count(); ++p) {
      EXPECT(partitions.partition(p).intents().empty());
      EXPECT_EQ(partitions.partition(p).decisions().size(), 0);
      EXPECT_EQ(partitions.partition(p).sessions().size(), 1);
    }
    co_return Status();
  });
}

TEST_CASE("where too much is being cleaned up, a transaction is answered when nothing is left of it") {
  with_partitions(1, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
    LocalPortOptions slow;
    slow.delay_max = milliseconds(10);
    RecordsClientOptions nobody_cleans;
    nobody_cleans.cleaners_max = 0;
    Bench bench(env, partitions, slow, nobody_cleans);
    auto [low, high] = two_places(partitions.count());
    Batch both;
    both.writes.push_back(write_at(low, "1"));
    both.writes.push_back(write_at(high, "2"));
    CO_ASSIGN_OR_RETURN(Commit made, co_await bench.client.commit(both, seconds(5)));
    EXPECT(made.done);
    for (PartitionNumber p = 0; p < partitions.count(); ++p) EXPECT(partitions.partition(p).intents().empty());
    co_await bench.stop();
    co_return Status();
  });
}

TEST_CASE("a put over a bad network happens once, however often it was sent") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    with_partitions(seed, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
      LocalPortOptions bad;
      bad.refused = bad.answer_lost = bad.late = bad.doubled = 0.2;
      Bench bench(env, partitions, bad);
      Version last = 0;
      for (int i = 0; i < 40; ++i) {
        // Each is conditional on the one before: executed twice it would be refused, or the next one would.
        Batch next;
        next.conditions.push_back(version_at(7, last));
        next.writes.push_back(write_at(7, std::to_string(i)));
        CO_ASSIGN_OR_RETURN(Commit commit, co_await bench.client.commit(next, seconds(60)));
        EXPECT(commit.done);
        if (!commit.done) break;
        EXPECT_GT(commit.versions[0], last);
        last = commit.versions[0];
      }
      co_await bench.stop();
      co_return Status();
    });
  }
}

TEST_CASE("a commit that times out says whether something may have happened") {
  with_partitions(3, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
    Bench bench(env, partitions);
    Batch batch;
    batch.writes.push_back(write_at(7, "1"));
    CO_RETURN_IF_ERROR(co_await bench.client.commit(batch, seconds(5)));
    LocalPortOptions closed;
    closed.refused = 1;
    bench.port.set_options(closed);
    auto nothing = co_await bench.client.commit(batch, milliseconds(300));
    EXPECT(nothing.is(Code::timed_out));
    LocalPortOptions silent;
    silent.answer_lost = 1;
    bench.port.set_options(silent);
    auto unknown = co_await bench.client.commit(batch, milliseconds(300));
    EXPECT(unknown.is(Code::outcome_unknown));
    bench.port.set_options(LocalPortOptions());
    co_await bench.stop();
    co_return Status();
  });
}

TEST_CASE("a client whose session was forgotten opens another one, and repeats only what surely did not happen") {
  with_partitions(4, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
    Bench bench(env, partitions);
    Batch batch;
    batch.writes.push_back(write_at(7, "1"));
    CO_RETURN_IF_ERROR(co_await bench.client.commit(batch, seconds(5)));
    const PartitionNumber partition = partition_of(at(7).place, partitions.count());
    auto forget = [&partitions, partition] {
      Command open;
      open.kind = CommandKind::open_session;
      for (std::size_t i = 0; i < kSessionsMax; ++i) partitions.apply(partition, open);
    };
    forget();
    CO_ASSIGN_OR_RETURN(Commit commit, co_await bench.client.commit(batch, seconds(5)));
    EXPECT(commit.done);
    // The first attempt is executed, its answer is lost, and then the session.
    const Version before = partitions.get(at(7))->version;
    LocalPortOptions silent;
    silent.answer_lost = 1;
    silent.delay_max = milliseconds(10);
    bench.port.set_options(silent);
    TaskGroup group(env.loop());
    std::optional<Result<Commit>> late;
    auto commit_late = [](RecordsClient& client, Batch what, std::optional<Result<Commit>>& into) -> Task<void> {
      auto result = co_await client.commit(std::move(what), seconds(5));
      into.emplace(std::move(result));
    };
    group.spawn(commit_late(bench.client, batch, late));
    while (partitions.get(at(7))->version == before) CO_RETURN_IF_ERROR(co_await sleep_for(env, milliseconds(1)));
    forget();
    CO_RETURN_IF_ERROR(co_await sleep_for(env, milliseconds(30)));
    bench.port.set_options(LocalPortOptions());
    co_await group.join();
    EXPECT(late->is(Code::outcome_unknown));
    co_await bench.stop();
    co_return Status();
  });
}

TEST_CASE("more operations at once than a session has room for wait and all happen") {
  with_partitions(5, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
    Bench bench(env, partitions);
    TaskGroup group(env.loop());
    int done = 0;
    auto put_one = [](RecordsClient& client, int number, int& count) -> Task<void> {
      Batch batch;
      batch.writes.push_back(write_at(7, "v", std::to_string(number)));
      auto result = co_await client.commit(std::move(batch), seconds(60));
      count += result.ok() && result->done;
    };
    for (int i = 0; i < 3 * static_cast<int>(kSessionWindow); ++i) group.spawn(put_one(bench.client, i, done));
    co_await group.join();
    EXPECT_EQ(done, 3 * static_cast<int>(kSessionWindow));
    co_await bench.stop();
    co_return Status();
  });
}

namespace {

// A coordinator that died after it had prepared both partitions, and decided or not.
TransactionId abandoned(LocalPartitions& partitions, std::uint8_t low, std::uint8_t high, bool decided) {
  const PartitionNumber home = partition_of(at(low).place, partitions.count());
  const PartitionNumber other = partition_of(at(high).place, partitions.count());
  auto open = [&partitions](PartitionNumber partition) {
    Command command;
    command.kind = CommandKind::open_session;
    return partitions.apply(partition, command).outcome.version;
  };
  Command prepare;
  prepare.kind = CommandKind::prepare;
  prepare.operation.session = open(home);
  prepare.transaction.home = home;
  prepare.transaction.operation = prepare.operation;
  prepare.participants.push_back(other);
  prepare.batch.writes.push_back(write_at(low, "new"));
  EXPECT(partitions.apply(home, prepare).outcome.kind == OutcomeKind::done);
  prepare.operation.session = open(other);
  prepare.participants.clear();
  prepare.batch.writes[0] = write_at(high, "new");
  EXPECT(partitions.apply(other, prepare).outcome.kind == OutcomeKind::done);
  if (decided) {
    Command decide;
    decide.kind = CommandKind::decide;
    decide.transaction = prepare.transaction;
    decide.commit = true;
    EXPECT(partitions.apply(home, decide).outcome.state == TransactionState::committed);
  }
  return prepare.transaction;
}

Task<Status> read_both(Bench& bench, std::uint8_t low, std::uint8_t high, std::string wanted) {
  for (std::uint8_t place : {low, high}) {
    CO_ASSIGN_OR_RETURN(auto record, co_await bench.client.get(at(place), seconds(5)));
    EXPECT_EQ(as_text(record->value), wanted);
    CO_ASSIGN_OR_RETURN(
        Page page, co_await bench.client.scan(at(place).place, ByteVector(), ByteVector(), ScanLimits(), seconds(5)));
    EXPECT_EQ(page.records.size(), 1);
    EXPECT_EQ(as_text(page.records[0].value), wanted);
  }
  co_return Status();
}

}  // namespace

TEST_CASE("readers see what a dead coordinator had decided at once, and what it had not decided as it was before") {
  for (bool decided : {true, false}) {
    with_partitions(6, [decided](Env& env, LocalPartitions& partitions) -> Task<Status> {
      return [](Env& e, LocalPartitions& p, bool is_decided) -> Task<Status> {
        Bench bench(e, p);
        auto [low, high] = two_places(p.count());
        Batch both;
        both.writes.push_back(write_at(low, "old"));
        both.writes.push_back(write_at(high, "old"));
        CO_RETURN_IF_ERROR(co_await bench.client.commit(both, seconds(5)));
        CO_RETURN_IF_ERROR(co_await bench.settled());
        abandoned(p, low, high, is_decided);
        const Instant before = e.now();
        const std::string wanted = is_decided ? "new" : "old";
        CO_RETURN_IF_ERROR(co_await read_both(bench, low, high, wanted));
        EXPECT(e.now() - before < milliseconds(200));
        co_await bench.stop();
        co_return Status();
      }(env, partitions, decided);
    });
  }
}

TEST_CASE("a writer waits out the patience and then aborts a transaction whose coordinator is gone") {
  with_partitions(7, [](Env& env, LocalPartitions& partitions) -> Task<Status> {
    Bench bench(env, partitions);
    auto [low, high] = two_places(partitions.count());
    Batch both;
    both.writes.push_back(write_at(low, "old"));
    both.writes.push_back(write_at(high, "old"));
    CO_RETURN_IF_ERROR(co_await bench.client.commit(both, seconds(5)));
    CO_RETURN_IF_ERROR(co_await bench.settled());
    TransactionId gone = abandoned(partitions, low, high, false);
    const Instant before = env.now();
    Batch one;
    one.writes.push_back(write_at(high, "mine"));
    CO_ASSIGN_OR_RETURN(Commit commit, co_await bench.client.commit(one, seconds(10)));
    EXPECT(commit.done);
    EXPECT(env.now() - before >= seconds(2));
    EXPECT(env.now() - before < seconds(4));
    // The coordinator was not gone after all: it cannot commit any more.
    Command decide;
    decide.kind = CommandKind::decide;
    decide.transaction = gone;
    decide.commit = true;
    EXPECT(partitions.apply(gone.home, decide).outcome.state == TransactionState::aborted);
    EXPECT_EQ(as_text(partitions.get(at(low))->value), "old");
    EXPECT_EQ(as_text(partitions.get(at(high))->value), "mine");
    co_await bench.stop();
    co_return Status();
  });
}
