// One partition with a client that does one thing after the other.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dht/partition/partition.h"

namespace vortex::dht {

inline Key key(std::string_view name) {
  Key made;
  made.place.bytes.fill(9);
  made.name = to_vector(as_bytes(name));
  return made;
}
inline Write put(std::string_view name, std::string_view value) {
  Write write;
  write.key = key(name);
  write.value = to_vector(as_bytes(value));
  return write;
}
inline Write without(std::string_view name) {
  Write write;
  write.key = key(name);
  return write;
}
inline Condition has(std::string_view name, Version version) {
  Condition condition;
  condition.key = key(name);
  condition.version = version;
  return condition;
}
inline Condition exists(std::string_view name) {
  Condition condition = has(name, 0);
  condition.must = Must::exist;
  return condition;
}
inline Condition empty_range(std::string_view from, std::string_view end) {
  Condition condition = has(from, 0);
  condition.must = Must::range_empty;
  condition.end = to_vector(as_bytes(end));
  return condition;
}

struct PartitionRig {
  Partition partition{3};
  Version index = 0;
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;

  PartitionRig() { use(open_session()); }

  Applied apply(Command command) {
    auto decoded = decode_command(encode_command(command));
    index += 1 + index % 2;
    return partition.apply(index, std::move(decoded).value());
  }
  std::uint64_t open_session() {
    Command command;
    command.kind = CommandKind::open_session;
    return apply(command).outcome.version;
  }
  void use(std::uint64_t opened) {
    session = opened;
    sequence = 0;
  }
  void close_session() {
    Command command;
    command.kind = CommandKind::close_session;
    command.operation.session = session;
    apply(command);
    use(open_session());
  }
  Command batch_command(std::vector<Condition> conditions, std::vector<Write> writes) {
    Command command;
    command.kind = CommandKind::batch;
    command.operation.session = session;
    command.operation.sequence = sequence++;
    command.batch.conditions = std::move(conditions);
    command.batch.writes = std::move(writes);
    return command;
  }
  Applied try_batch(std::vector<Condition> conditions, std::vector<Write> writes) {
    return apply(batch_command(std::move(conditions), std::move(writes)));
  }
  Outcome batch(std::vector<Condition> conditions, std::vector<Write> writes) {
    return try_batch(std::move(conditions), std::move(writes)).outcome;
  }
  TransactionId transaction() {
    TransactionId made;
    made.home = partition.number();
    made.operation.session = session;
    made.operation.sequence = sequence++;
    return made;
  }
  Outcome prepare(const TransactionId& transaction, std::vector<Condition> conditions, std::vector<Write> writes,
                  std::vector<PartitionNumber> participants = {}) {
    Command command = batch_command(std::move(conditions), std::move(writes));
    command.kind = CommandKind::prepare;
    command.transaction = transaction;
    command.participants = std::move(participants);
    if (transaction.home == partition.number()) command.operation = transaction.operation;
    return apply(command).outcome;
  }
  Outcome tell(CommandKind kind, const TransactionId& transaction, bool commit) {
    Command command;
    command.kind = kind;
    command.transaction = transaction;
    command.commit = commit;
    return apply(command).outcome;
  }
  Outcome decide(const TransactionId& transaction, bool commit) {
    return tell(CommandKind::decide, transaction, commit);
  }
  Outcome resolve(const TransactionId& transaction, bool commit) {
    return tell(CommandKind::resolve, transaction, commit);
  }
  Outcome finish(const TransactionId& transaction) { return tell(CommandKind::finish, transaction, false); }

  std::string value(std::string_view name) const {
    Seen seen = partition.get(key(name));
    return seen.record ? std::string(as_text(seen.record->value())) : "absent";
  }
  Version version(std::string_view name) const {
    Seen seen = partition.get(key(name));
    return seen.record ? seen.record->version() : 0;
  }
};

}  // namespace vortex::dht
