#include "dht/records_client/records_client.h"

#include "dht/partition/limits.h"
#include "dht/transaction/transaction.h"

namespace vortex::dht {

Task<Result<std::uint32_t>> RecordsClient::partitions(Instant deadline) {
  Backoff backoff = operations_.backoff();
  while (port_.partitions() == 0) {
    Status found = co_await port_.find_partitions(deadline);
    if (port_.partitions() != 0) break;
    if (!found.ok() && !passing(found.error().code())) co_return found.error();
    CO_RETURN_IF_ERROR(co_await backoff.wait(0, deadline));
    if (env_.now() >= deadline) co_return Error(Code::timed_out, "no node says how keys are partitioned");
  }
  co_return port_.partitions();
}

Task<Result<std::optional<Record>>> RecordsClient::get(Key key, Duration timeout) {
  const Instant deadline = env_.now() + timeout;
  CO_ASSIGN_OR_RETURN(std::uint32_t count, co_await partitions(deadline));
  const PartitionNumber partition = partition_of(key.place, count);
  Backoff backoff = operations_.backoff();
  while (true) {
    auto answer = co_await port_.get(partition, key, deadline);
    Error last(Code::busy, "a transaction is being settled");
    if (answer.ok()) {
      if (!answer->writer) co_return std::move(answer->record);
      std::vector<TransactionId> writers(1, *answer->writer);
      auto decided = co_await operations_.settle_decided(partition, std::move(writers), deadline);
      if (decided.ok() && !*decided) co_return std::move(answer->record);
      if (decided.ok()) continue;
      last = std::move(decided).error();
    } else {
      last = std::move(answer).error();
    }
    if (!passing(last.code())) co_return last;
    CO_RETURN_IF_ERROR(co_await backoff.wait(last.retry_after_ms(), deadline));
    if (env_.now() >= deadline) co_return Error(Code::timed_out, "at last " + last.to_string());
  }
}

Task<Result<Page>> RecordsClient::scan(Id place, ByteVector from, ByteVector end, ScanLimits limits, Duration timeout) {
  const Instant deadline = env_.now() + timeout;
  CO_ASSIGN_OR_RETURN(std::uint32_t count, co_await partitions(deadline));
  const PartitionNumber partition = partition_of(place, count);
  Backoff backoff = operations_.backoff();
  while (true) {
    auto answer = co_await port_.scan(partition, place, from, end, limits, deadline);
    Error last(Code::busy, "a transaction is being settled");
    if (answer.ok()) {
      if (answer->writers.empty()) co_return std::move(answer->page);
      auto decided = co_await operations_.settle_decided(partition, std::move(answer->writers), deadline);
      if (decided.ok() && !*decided) co_return std::move(answer->page);
      if (decided.ok()) continue;
      last = std::move(decided).error();
    } else {
      last = std::move(answer).error();
    }
    if (!passing(last.code())) co_return last;
    CO_RETURN_IF_ERROR(co_await backoff.wait(last.retry_after_ms(), deadline));
    if (env_.now() >= deadline) co_return Error(Code::timed_out, "at last " + last.to_string());
  }
}

Task<Result<Commit>> RecordsClient::commit(Batch batch, Duration timeout) {
  const Instant deadline = env_.now() + timeout;
  CO_RETURN_IF_ERROR(validate(batch));
  CO_ASSIGN_OR_RETURN(std::uint32_t count, co_await partitions(deadline));
  const std::size_t writes = batch.writes.size();
  std::vector<BatchPart> parts = split(std::move(batch), count);
  if (parts.empty()) {
    Commit nothing;
    nothing.done = true;
    co_return nothing;
  }
  if (parts.size() == 1) co_return co_await commit_within(std::move(parts[0]), writes, deadline);
  if (parts.size() > kParticipantsMax) co_return Error(Code::too_large, "a batch spans too many partitions");
  co_return co_await commit_across(std::move(parts), writes, deadline);
}

Task<Result<Commit>> RecordsClient::commit_across(std::vector<BatchPart> parts, std::size_t writes, Instant deadline) {
  Transaction transaction(operations_, std::move(parts), writes);
  co_return co_await transaction.run(deadline);
}

Task<Result<Commit>> RecordsClient::commit_within(BatchPart part, std::size_t writes, Instant deadline) {
  Backoff backoff = operations_.backoff();
  CO_ASSIGN_OR_RETURN(Operations::Ticket ticket, co_await operations_.begin(part.partition, deadline));
  Command command;
  command.kind = CommandKind::batch;
  command.batch = std::move(part.batch);
  Operations::Attempts attempts;
  while (true) {
    ticket.stamp(command);
    CO_ASSIGN_OR_RETURN(Outcome outcome, co_await operations_.run(part.partition, command, attempts, deadline));
    Commit commit;
    switch (outcome.kind) {
      case OutcomeKind::done:
        commit.done = true;
        commit.versions.assign(writes, outcome.version);
        co_return commit;
      case OutcomeKind::refused:
        if (outcome.failed < part.conditions.size()) commit.failed = part.conditions[outcome.failed];
        commit.found = std::move(outcome.found);
        co_return commit;
      case OutcomeKind::blocked: {
        Status way = co_await operations_.make_way(part.partition, std::move(outcome.transactions), backoff, deadline);
        if (way.is(Code::cancelled)) co_return Code::cancelled;
        if (!way.ok() && !way.is(Code::timed_out)) {
          // An attempt that nobody has answered may still be executed.
          if (attempts.unknown) co_return Error(Code::outcome_unknown, way.error().to_string());
          co_return way.error();
        }
        if (!way.ok() || env_.now() >= deadline) {
          if (attempts.unknown) co_return Error(Code::outcome_unknown, "no time is left");
          co_return Error(Code::timed_out, "a transaction was in the way");
        }
        continue;
      }
      case OutcomeKind::forgotten:
        operations_.forget_session(ticket);
        if (attempts.unknown) co_return Error(Code::outcome_unknown, "the session was forgotten");
        break;
      case OutcomeKind::ended:
        // An earlier attempt was refused, and the answer lost: nothing has happened under this number.
        attempts = Operations::Attempts();
        break;
      default:
        co_return Error(Code::internal, "a batch could not be executed");
    }
    CO_ASSIGN_OR_RETURN(ticket, co_await operations_.begin(part.partition, deadline));
  }
}

}  // namespace vortex::dht
