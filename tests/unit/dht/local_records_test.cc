#include "tests/support/local_records.h"

#include "tests/sim/world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

Key account(std::uint8_t number) {
  Key key;
  key.place.bytes[0] = number;
  key.name = to_vector(as_bytes("balance"));
  return key;
}

Write set(std::uint8_t number, std::uint8_t balance) {
  Write write;
  write.key = account(number);
  write.value = ByteVector(1, balance);
  return write;
}

Condition unchanged(const Record& record) {
  Condition condition;
  condition.key = record.key;
  condition.version = record.version;
  return condition;
}

Task<Status> transfer(Env& env, LocalPartitions* partitions) {
  LocalRecords records(env, *partitions);
  Batch open;
  for (std::uint8_t i = 0; i < 8; ++i) open.writes.push_back(set(i, 10));
  CO_ASSIGN_OR_RETURN(Commit opened, co_await records.commit(open, seconds(1)));
  EXPECT(opened.done);
  EXPECT_EQ(opened.versions.size(), 8);
  CO_ASSIGN_OR_RETURN(auto from, co_await records.get(account(1), seconds(1)));
  CO_ASSIGN_OR_RETURN(auto to, co_await records.get(account(2), seconds(1)));
  Batch move;
  move.conditions = {unchanged(*from), unchanged(*to)};
  move.writes = {set(1, 3), set(2, 17)};
  CO_ASSIGN_OR_RETURN(Commit moved, co_await records.commit(move, seconds(1)));
  EXPECT(moved.done);
  CO_ASSIGN_OR_RETURN(Commit again, co_await records.commit(move, seconds(1)));
  EXPECT(!again.done);
  CO_ASSIGN_OR_RETURN(to, co_await records.get(account(2), seconds(1)));
  EXPECT_EQ(to->value[0], 17);
  EXPECT_EQ(to->version, moved.versions[1]);
  EXPECT_EQ(again.found->key, move.conditions[again.failed].key);
  co_return Status();
}

}  // namespace

TEST_CASE("records in memory keep what a batch over several partitions promises") {
  sim::World world(1);
  LocalPartitions partitions;
  EXPECT(world.run(world.add_machine(), transfer, &partitions).ok());
  EXPECT_EQ(partitions.commits(), 2);
}

TEST_CASE("records in memory can be slow, busy and silent, and a commit of unknown outcome may have happened or not") {
  sim::World world(2);
  LocalPartitions partitions;
  auto body = [](Env& env, LocalPartitions* shared) -> Task<Status> {
    LocalRecordsOptions options;
    options.delay_max = milliseconds(10);
    options.busy = options.timed_out = options.unknown_done = options.unknown_not_done = 0.2;
    LocalRecords records(env, *shared, options);
    std::uint64_t done = 0, unknown = 0, nothing = 0;
    for (int i = 0; i < 500; ++i) {
      Batch batch;
      batch.writes.push_back(set(1, 1));
      auto result = co_await records.commit(batch, milliseconds(100));
      done += result.ok();
      unknown += result.is(Code::outcome_unknown);
      nothing += result.is(Code::busy) || result.is(Code::timed_out);
    }
    EXPECT_EQ(done + unknown + nothing, 500);
    EXPECT_GT(unknown, 50);
    EXPECT_GT(nothing, 50);
    EXPECT_GT(shared->commits(), done);
    EXPECT_LT(shared->commits(), done + unknown);
    co_return Status();
  };
  EXPECT(world.run(world.add_machine(), body, &partitions).ok());
}
