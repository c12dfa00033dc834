#include "dht/transaction/transaction.h"

namespace vortex::dht {

namespace {

Task<void> finish_committed(Operations& operations, TransactionId id, std::vector<PartitionNumber> participants) {
  const Instant deadline = operations.env().now() + operations.options().cleaning;
  (void)(co_await operations.finish(id, true, std::move(participants), deadline)).ok();
}

// While the ticket is held its session keeps the record. When this gives up, releasing it aborts what is pending.
Task<void> abort_undecided(Operations& operations, TransactionId id, std::vector<PartitionNumber> participants,
                           Operations::Ticket home) {
  const Instant deadline = operations.env().now() + operations.options().cleaning;
  (void)(co_await operations.abort(id, std::move(participants), deadline)).ok();
  home.release();
}

}  // namespace

Task<Result<Commit>> Transaction::run(Instant deadline) {
  Backoff backoff = operations_.backoff();
  while (true) {
    Commit commit;
    CO_ASSIGN_OR_RETURN(Step step, co_await attempt(commit, deadline));
    if (step != Step::again) co_return commit;
    CO_RETURN_IF_ERROR(co_await backoff.wait(0, deadline));
    if (operations_.env().now() >= deadline) co_return Code::timed_out;
  }
}

Task<Result<Transaction::Step>> Transaction::attempt(Commit& commit, Instant deadline) {
  commit.versions.assign(writes_, 0);
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    Result<Prepared> prepared = Code::internal;
    if (part == 0) {
      prepared = co_await prepare_home(deadline);
    } else {
      auto ticket = co_await operations_.begin(parts_[part].partition, deadline);
      if (ticket.ok()) {
        prepared = co_await prepare(part, std::move(*ticket), deadline);
      } else {
        prepared = ticket.error();
      }
    }
    if (!prepared.ok() || prepared->step != Step::done) {
      // The last one may be prepared though we do not know it.
      co_await clean_up(false, part + 1);
      if (!prepared.ok()) co_return std::move(prepared).error();
      commit = std::move(prepared->refusal);
      co_return prepared->step;
    }
    for (std::uint32_t write : parts_[part].writes) commit.versions[write] = prepared->version;
  }
  auto decided = co_await decide(deadline);
  co_await clean_up(decided.ok() && *decided == Step::done, parts_.size());
  commit.done = decided.ok() && *decided == Step::done;
  co_return decided;
}

Task<Result<Transaction::Prepared>> Transaction::prepare_home(Instant deadline) {
  CO_ASSIGN_OR_RETURN(home_, co_await operations_.begin(parts_[0].partition, deadline));
  id_.home = parts_[0].partition;
  id_.operation = home_.id();
  co_return co_await prepare_at(0, home_, deadline);
}

Task<Result<Transaction::Prepared>> Transaction::prepare(std::size_t part, Operations::Ticket ticket,
                                                         Instant deadline) {
  co_return co_await prepare_at(part, ticket, deadline);
}

Task<Result<Transaction::Prepared>> Transaction::prepare_at(std::size_t part, const Operations::Ticket& ticket,
                                                            Instant deadline) {
  const PartitionNumber partition = parts_[part].partition;
  Command command;
  command.kind = CommandKind::prepare;
  command.transaction = id_;
  command.batch = parts_[part].batch;
  ticket.stamp(command);
  if (part == 0)
    for (std::size_t other = 1; other < parts_.size(); ++other) command.participants.push_back(parts_[other].partition);
  Backoff backoff = operations_.backoff();
  // Only deciding makes anything happen, so what became of a preparation need not be known.
  Operations::Attempts attempts;
  while (true) {
    auto outcome = co_await operations_.run(partition, command, attempts, deadline);
    if (outcome.is(Code::outcome_unknown)) co_return Error(Code::timed_out, outcome.error().to_string());
    if (!outcome.ok()) co_return std::move(outcome).error();
    Prepared prepared;
    switch (outcome->kind) {
      case OutcomeKind::done:
        prepared.version = outcome->version;
        co_return prepared;
      case OutcomeKind::refused:
        co_return refused(part, std::move(*outcome));
      case OutcomeKind::blocked:
        break;
      case OutcomeKind::forgotten:
        operations_.forget_session(ticket);
        prepared.step = Step::again;
        co_return prepared;
      case OutcomeKind::ended:
        prepared.step = Step::again;
        co_return prepared;
      default:
        co_return Error(Code::internal, "a transaction could not be prepared");
    }
    CO_RETURN_IF_ERROR(co_await operations_.make_way(partition, std::move(outcome->transactions), backoff, deadline));
    if (operations_.env().now() >= deadline) co_return Error(Code::timed_out, "another transaction was in the way");
  }
}

Transaction::Prepared Transaction::refused(std::size_t part, Outcome outcome) const {
  Prepared prepared;
  prepared.step = Step::refused;
  if (outcome.failed < parts_[part].conditions.size())
    prepared.refusal.failed = parts_[part].conditions[outcome.failed];
  prepared.refusal.found = std::move(outcome.found);
  return prepared;
}

Task<Result<Transaction::Step>> Transaction::decide(Instant deadline) {
  Command command;
  command.kind = CommandKind::decide;
  command.transaction = id_;
  command.commit = true;
  Operations::Attempts attempts;
  auto outcome = co_await operations_.run(id_.home, command, attempts, deadline);
  if (!outcome.ok()) co_return std::move(outcome).error();
  if (outcome->kind != OutcomeKind::settled) co_return Error(Code::internal, "a transaction could not be decided");
  if (outcome->state == TransactionState::committed) co_return Step::done;
  // The record may have been committed by an attempt of ours that was not answered, cleaned up by others, and gone
  // together with a session that was forgotten.
  if (outcome->state == TransactionState::absent && attempts.unknown)
    co_return Error(Code::outcome_unknown, "the record of the transaction is gone");
  co_return Step::again;
}

Task<void> Transaction::clean_up(bool commit, std::size_t prepared) {
  if (id_.operation.session == 0) co_return;
  std::vector<PartitionNumber> participants;
  for (std::size_t part = 1; part < prepared; ++part) participants.push_back(parts_[part].partition);
  if (commit) {
    home_.release();
    // Where there are too many of these, whoever asked waits: left behind they would fill the partitions.
    bool taken = operations_.clean(finish_committed(operations_, id_, participants));
    if (!taken) co_await finish_committed(operations_, id_, std::move(participants));
  } else {
    // These are rarer: where there are too many, whoever meets an intent does it.
    operations_.clean(abort_undecided(operations_, id_, std::move(participants), std::move(home_)));
  }
  home_.release();
  id_ = TransactionId();
}

}  // namespace vortex::dht
