#include "dht/partition/state_stream.h"

#include "dht/partition/limits.h"
#include "dht/partition/machine.h"
#include "tests/sim/world.h"
#include "tests/unit/dht/partition_rig.h"
#include "tests/unit/test.h"
#include "wal/checkpoint.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

// Something of everything: records small and large, sessions, a transaction under way here and one from elsewhere.
Command one(CommandKind kind, std::uint64_t session, std::uint64_t sequence, std::vector<Write> writes) {
  Command command;
  command.kind = kind;
  command.operation.session = session;
  command.operation.sequence = sequence;
  command.batch.writes = std::move(writes);
  return command;
}

struct Replica {
  PartitionMachines machines;
  std::unique_ptr<groups::StateMachine> machine;
  Replica(Env& env, const std::string& directory) : machines(env), machine(machines.make(3, directory)) {}
  PartitionMachine& get() { return static_cast<PartitionMachine&>(*machine); }
  Outcome apply(Version index, const Command& command) {
    auto answer = decode<Answer>(machine->apply(index, encode_command(command)));
    return answer->outcome;
  }
};

void fill(Replica& replica) {
  replica.apply(1, one(CommandKind::open_session, 0, 0, {}));
  for (int i = 0; i < 600; ++i) {
    const std::string name = "n" + std::to_string(1000 + i);
    replica.apply(static_cast<Version>(2 + i),
                  one(CommandKind::batch, 1, static_cast<std::uint64_t>(i),
                      {put(name, std::string(i % 10 == 0 ? 5'000 + static_cast<std::size_t>(i) : 40, 'v'))}));
  }
  Command prepare = one(CommandKind::prepare, 1, 700, {put("t", "transaction")});
  prepare.transaction.home = 3;
  prepare.transaction.operation = prepare.operation;
  replica.apply(700, prepare);
}

// The session table, the transaction and every value are what they were.
Task<Status> expect_filled(Replica& replica) {
  for (int i = 0; i < 600; ++i) {
    Seen seen = replica.get().state().get(key("n" + std::to_string(1000 + i)));
    REQUIRE(seen.record);
    REQUIRE_EQ(seen.record->version(), static_cast<Version>(2 + i));
    CO_ASSIGN_OR_RETURN(ByteVector value, co_await replica.get().value(seen.record));
    REQUIRE_EQ(value.size(), i % 10 == 0 ? 5'000 + static_cast<std::size_t>(i) : 40);
  }
  Outcome again = replica.apply(800, one(CommandKind::batch, 1, 5, {put("n1005", "twice")}));
  EXPECT(again.kind == OutcomeKind::done);
  EXPECT_EQ(again.version, 7);
  Command decide = one(CommandKind::decide, 0, 0, {});
  decide.transaction.home = 3;
  decide.transaction.operation.session = 1;
  decide.transaction.operation.sequence = 700;
  decide.commit = true;
  EXPECT(replica.apply(801, decide).state == TransactionState::committed);
  EXPECT_EQ(replica.get().state().get(key("t")).record->version(), 700);
  co_return Status();
}

Task<Status> save(Env& env, Replica& replica) {
  std::unique_ptr<groups::FrozenState> frozen = replica.machine->freeze();
  CO_ASSIGN_OR_RETURN(auto writer, co_await wal::CheckpointWriter::create(env, "ck", "three", kStateFormat));
  CO_RETURN_IF_ERROR(co_await frozen->save(*writer));
  CO_RETURN_IF_ERROR(co_await writer->finish());
  frozen.reset();
  replica.machine->checkpointed();
  co_return Status();
}

Task<Status> checkpoint_and_load(Env& env) {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("ck"));
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("values"));
  {
    Replica first(env, "values");
    fill(first);
    const std::size_t before = first.machine->memory_bytes();
    CO_RETURN_IF_ERROR(co_await save(env, first));
    // Large values are in files now.
    EXPECT_LT(first.machine->memory_bytes() + 200'000, before);
    EXPECT_EQ(first.get().values().bytes(), 60 * 5'000 + 59 * 300);
    co_await first.machine->stop();
  }
  Replica second(env, "values");
  CO_ASSIGN_OR_RETURN(auto reader, co_await wal::CheckpointReader::open(env, "ck/three"));
  CO_RETURN_IF_ERROR(co_await second.machine->load(*reader));
  CO_RETURN_IF_ERROR(co_await expect_filled(second));
  co_await second.machine->stop();
  co_return Status();
}

Task<Status> snapshot(Env& env) {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("ck"));
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("from"));
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("to"));
  Replica from(env, "from");
  Replica to(env, "to");
  fill(from);
  CO_RETURN_IF_ERROR(co_await save(env, from));
  {
    std::unique_ptr<groups::FrozenState> frozen = from.machine->freeze();
    // What happens meanwhile is not in it.
    from.apply(900, one(CommandKind::batch, 1, 710, {put("n1003", "later"), without("n1010"), put("new", "x")}));
    while (true) {
      CO_ASSIGN_OR_RETURN(ByteVector piece, co_await frozen->next_piece());
      if (piece.empty()) break;
      EXPECT_LE(piece.size(), groups::kSnapshotPieceMax);
      CO_RETURN_IF_ERROR(co_await to.machine->add_piece(kStateFormat, std::move(piece)));
    }
  }
  CO_RETURN_IF_ERROR(co_await to.machine->pieces_end());
  EXPECT(!to.get().state().get(key("new")).record);
  CO_RETURN_IF_ERROR(co_await expect_filled(to));
  co_await from.machine->stop();
  co_await to.machine->stop();
  co_return Status();
}

Task<Status> rewrite(Env& env) {
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("ck"));
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories("values"));
  Replica replica(env, "values");
  replica.apply(1, one(CommandKind::open_session, 0, 0, {}));
  Version index = 1;
  std::uint64_t sequence = 0;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 100; ++i) {
      Command command = one(CommandKind::batch, 1, sequence,
                            {put("k" + std::to_string(i % 50 + (round % 2) * 25), std::string(20'000, 'r'))});
      command.acknowledged = sequence++;
      replica.apply(++index, command);
    }
    CO_RETURN_IF_ERROR(co_await save(env, replica));
    CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(1)));
  }
  // 75 values are alive; what was replaced has made room.
  EXPECT_LT(replica.get().values().bytes(), 6 * 75 * 20'000);
  for (int i = 0; i < 75; ++i) {
    Seen seen = replica.get().state().get(key("k" + std::to_string(i)));
    REQUIRE(seen.record);
    CO_ASSIGN_OR_RETURN(ByteVector value, co_await replica.get().value(seen.record));
    EXPECT_EQ(value.size(), 20'000);
  }
  co_await replica.machine->stop();
  co_return Status();
}

}  // namespace

TEST_CASE("a checkpoint brings back records, large values, sessions and transactions") {
  sim::World world(1);
  EXPECT(world.run(world.add_machine(), checkpoint_and_load).ok());
}

TEST_CASE("a snapshot is the state of its moment, whole, while commands go on") {
  sim::World world(2);
  EXPECT(world.run(world.add_machine(), snapshot).ok());
}

TEST_CASE("files of values that are mostly dead make room") {
  sim::World world(3);
  EXPECT(world.run(world.add_machine(), rewrite).ok());
}

TEST_CASE("a state that is cut short, goes on, or is out of order is damaged") {
  PartitionRig rig;
  rig.batch({}, {put("a", "1"), put("b", "2")});
  ByteVector tables, state;
  Encoder encoder(tables);
  rig.partition.encode_tables(encoder);
  write_tables(tables, state);
  auto write = [&state](const PackedRecord& record) {
    write_record(record.key(), record.version(), record.value(), false, state);
    return true;
  };
  rig.partition.records().visit(Key(), write);
  write_end(2, state);
  for (std::size_t size = 0; size <= state.size() + 1; ++size) {
    ByteVector part(state.begin(), state.begin() + static_cast<std::ptrdiff_t>(std::min(size, state.size())));
    if (size > state.size()) part.push_back(0);
    Partition partition(3);
    StateReader reader(partition);
    Status fed = reader.feed(part, kRecordValueMax);
    EXPECT_EQ(fed.ok() && reader.finish().ok(), size == state.size());
  }
  Partition partition(3);
  StateReader reader(partition);
  ByteVector disorder;
  write_tables(tables, disorder);
  write_record(key("b"), 5, ByteVector(), false, disorder);
  write_record(key("a"), 6, ByteVector(), false, disorder);
  EXPECT(reader.feed(disorder, kRecordValueMax).is(Code::damaged));
}
