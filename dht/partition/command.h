// What goes through the log of a partition, and what comes out when it is applied.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "dht/partition/key_space.h"
#include "dht/records.h"

namespace vortex::dht {

// A session is the log index that opened it; 0 is none. Within it operations are numbered by whoever asks.
struct OperationId {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  auto operator<=>(const OperationId&) const = default;
  VORTEX_FIELDS(session, sequence)
};

// The operation that began it, and the partition in which its record lies.
struct TransactionId {
  PartitionNumber home = 0;
  OperationId operation;
  auto operator<=>(const TransactionId&) const = default;
  VORTEX_FIELDS(home, operation)
};

enum class CommandKind : std::uint8_t {
  open_session,
  close_session,
  batch,    // executed once for its operation
  prepare,  // conditions hold, and intents on everything read or written; at home it begins with the record
  decide,   // at home: pending becomes committed or aborted; what was decided before stays
  resolve,  // elsewhere: intents become writes, or vanish
  finish,   // at home: no intents are left elsewhere
};
constexpr CommandKind max_enum_value(CommandKind) { return CommandKind::finish; }

struct Command {
  CommandKind kind = CommandKind::batch;
  OperationId operation;                      // batch, prepare; of close_session the session alone
  std::uint64_t acknowledged = 0;             // whoever asks waits for no operation of this session below it
  Batch batch;                                // batch, prepare
  TransactionId transaction;                  // prepare, decide, resolve, finish
  bool commit = false;                        // decide, resolve
  std::vector<PartitionNumber> participants;  // prepare at home: all others
  VORTEX_FIELDS(kind, operation, acknowledged, batch, transaction, commit, participants)
};

// In the log: a byte of format before the command.
inline constexpr std::uint8_t kCommandFormat = 1;
ByteVector encode_command(const Command& command);
Result<Command> decode_command(ByteView bytes);
// invalid_argument: what no partition would execute. Checked before it goes into the log.
Status validate(const Batch& batch);
Status validate(const Command& command);

enum class TransactionState : std::uint8_t { absent, pending, committed, aborted };
constexpr TransactionState max_enum_value(TransactionState) { return TransactionState::aborted; }

enum class OutcomeKind : std::uint8_t {
  done,       // `version`: of the session, of everything written
  refused,    // condition number `failed` does not hold
  blocked,    // by the intents of `transactions`; nothing happened, and the operation may be tried again
  ended,      // this operation had no effect and will have none: ask under a new number
  forgotten,  // the session is not known here: nothing happened now
  settled,    // `state` of the transaction
  busy,       // nothing happened
  invalid,    // nothing happened
};
constexpr OutcomeKind max_enum_value(OutcomeKind) { return OutcomeKind::invalid; }

struct Outcome {
  OutcomeKind kind = OutcomeKind::invalid;
  Version version = 0;
  std::uint32_t failed = 0;
  std::optional<Record> found;
  std::vector<TransactionId> transactions;
  TransactionState state = TransactionState::absent;
  std::vector<PartitionNumber> participants;  // of a settled transaction, while intents may be left there
  VORTEX_FIELDS(kind, version, failed, found, transactions, state, participants)
};

}  // namespace vortex::dht
