#include "dht/records_client/operations.h"

#include <algorithm>

#include "dht/partition/limits.h"

namespace vortex::dht {

namespace {

constexpr std::size_t kMetMax = 4096;
constexpr Duration kCleanersLook = milliseconds(5);

Error too_late(const Operations::Attempts& attempts, const Error& last) {
  Code code = attempts.unknown ? Code::outcome_unknown : Code::timed_out;
  return Error(code, "at last " + last.to_string());
}

}  // namespace

Task<Status> Backoff::wait(std::uint32_t hint_ms, Instant deadline) {
  const Instant now = env_.now();
  if (now >= deadline) co_return Code::timed_out;
  const auto half = static_cast<std::uint64_t>(next_.count() / 2);
  Duration wait(half + env_.random().below(half + 1));
  next_ = std::min(next_ * 2, options_.backoff_max);
  wait = std::max<Duration>(wait, milliseconds(hint_ms));
  co_return co_await sleep_until(env_, std::min(deadline, now + wait));
}

Operations::Ticket::Ticket(PartitionNumber partition, std::shared_ptr<Session> session)
    : partition_(partition), session_(std::move(session)) {
  id_.session = session_->id;
  id_.sequence = session_->next++;
  session_->outstanding.insert(id_.sequence);
}

Operations::Ticket& Operations::Ticket::operator=(Ticket&& other) noexcept {
  std::swap(partition_, other.partition_);
  std::swap(id_, other.id_);
  std::swap(session_, other.session_);
  return *this;
}

void Operations::Ticket::release() {
  if (!session_) return;
  session_->outstanding.erase(id_.sequence);
  session_->changed.notify_all();
  session_.reset();
}

void Operations::Ticket::stamp(Command& command) const {
  command.operation = id_;
  command.acknowledged = session_->acknowledged();
}

Operations::Operations(Env& env, PartitionPort& port, RecordsClientOptions options)
    : env_(env),
      port_(port),
      options_(options),
      retries_(
          env.metrics().counter("records_client_retries_total", "attempts of this node's commands after the first")),
      unknown_(
          env.metrics().counter("records_client_unknown_total", "commands whose outcome this node could not learn")),
      sessions_opened_(env.metrics().counter("records_client_sessions_total", "sessions this node has opened")),
      sessions_forgotten_(env.metrics().counter("records_client_sessions_forgotten_total",
                                                "sessions of this node that were forgotten")),
      blocked_(env.metrics().counter("records_client_blocked_total", "times a transaction of others was in the way")),
      aborted_(env.metrics().counter("records_client_aborted_total", "transactions that this node ended for others")),
      cleaners_(env.loop()) {}

Operations::~Operations() = default;

Task<Status> Operations::open(PartitionNumber partition, std::shared_ptr<Session> session, Instant deadline) {
  Command command;
  command.kind = CommandKind::open_session;
  // One that was opened without our knowing does no harm.
  Attempts attempts;
  auto opened = co_await run(partition, command, attempts, deadline);
  if (opened.ok() && opened->kind == OutcomeKind::done) session->id = opened->version;
  sessions_opened_.add(session->id != 0);
  session->failed = session->id == 0;
  session->changed.notify_all();
  if (session->failed) {
    auto at = sessions_.find(partition);
    if (at != sessions_.end() && at->second == session) sessions_.erase(at);
    if (!opened.ok() && !opened.is(Code::outcome_unknown)) co_return opened.error();
    co_return Code::timed_out;
  }
  co_return Status();
}

Task<Result<std::shared_ptr<Operations::Session>>> Operations::session_of(PartitionNumber partition, Instant deadline) {
  while (env_.now() < deadline) {
    std::shared_ptr<Session>& place = sessions_[partition];
    if (!place) {
      place = std::make_shared<Session>(env_.loop());
      std::shared_ptr<Session> session = place;
      CO_RETURN_IF_ERROR(co_await open(partition, session, deadline));
      co_return session;
    }
    std::shared_ptr<Session> session = place;
    if (session->id != 0 && session->next - session->acknowledged() < kSessionWindow) co_return session;
    // Somebody else opens it, or the oldest operation holds the window.
    TimerId timer =
        env_.clock().call_at(deadline, UniqueFunction<void()>([session] { session->changed.notify_all(); }));
    bool woken = co_await session->changed.wait();
    env_.clock().cancel(timer);
    if (!woken) co_return Code::cancelled;
  }
  co_return Error(Code::timed_out, "too many operations are under way");
}

Task<Result<Operations::Ticket>> Operations::begin(PartitionNumber partition, Instant deadline) {
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Session> session, co_await session_of(partition, deadline));
  co_return Ticket(partition, std::move(session));
}

void Operations::forget_session(const Ticket& ticket) {
  sessions_forgotten_.add();
  auto at = sessions_.find(ticket.partition());
  if (at != sessions_.end() && at->second->id == ticket.id().session) sessions_.erase(at);
}

Task<Result<Outcome>> Operations::run(PartitionNumber partition, const Command& command, Attempts& attempts,
                                      Instant deadline) {
  Backoff waits = backoff();
  while (true) {
    auto outcome = co_await port_.apply(partition, command, deadline);
    if (outcome.ok() && outcome->kind != OutcomeKind::busy) co_return outcome;
    Error last(Code::busy);
    if (!outcome.ok()) last = std::move(outcome).error();
    if (last.is(Code::cancelled)) co_return last;
    if (!nothing_happened(last.code())) attempts.unknown = true;
    if (!passing(last.code())) {
      if (!attempts.unknown) co_return last;
      unknown_.add();
      co_return Error(Code::outcome_unknown, last.to_string());
    }
    Status waited = co_await waits.wait(last.retry_after_ms(), deadline);
    if (waited.is(Code::cancelled)) co_return Code::cancelled;
    if (!waited.ok() || env_.now() >= deadline) {
      if (attempts.unknown) unknown_.add();
      co_return too_late(attempts, last);
    }
    retries_.add();
  }
}

bool Operations::waited_enough(const TransactionId& transaction) {
  if (met_.size() >= kMetMax) met_.clear();
  auto [at, added] = met_.try_emplace(transaction, env_.now());
  return env_.now() - at->second >= options_.patience;
}

Task<Result<bool>> Operations::push(PartitionNumber partition, TransactionId transaction, Instant deadline) {
  CO_ASSIGN_OR_RETURN(TransactionState state, co_await port_.state_of(transaction, deadline));
  if (state == TransactionState::pending) {
    if (!waited_enough(transaction)) co_return false;
    Command decide;
    decide.kind = CommandKind::decide;
    decide.transaction = transaction;
    CO_ASSIGN_OR_RETURN(Outcome outcome, co_await port_.apply(transaction.home, decide, deadline));
    if (outcome.kind != OutcomeKind::settled) co_return false;
    state = outcome.state;
    aborted_.add(state == TransactionState::aborted);
  }
  co_return co_await resolve(partition, transaction, state, deadline);
}

Task<Result<bool>> Operations::resolve(PartitionNumber partition, TransactionId transaction, TransactionState state,
                                       Instant deadline) {
  met_.erase(transaction);
  if (transaction.home == partition) co_return true;
  // At home deciding has resolved it.
  Command command;
  command.kind = CommandKind::resolve;
  command.transaction = transaction;
  command.commit = state == TransactionState::committed;
  CO_ASSIGN_OR_RETURN(Outcome resolved, co_await port_.apply(partition, command, deadline));
  co_return resolved.kind == OutcomeKind::done;
}

Task<Status> Operations::make_way(PartitionNumber partition, std::vector<TransactionId> transactions, Backoff& backoff,
                                  Instant deadline) {
  bool moved = false;
  blocked_.add();
  for (const TransactionId& transaction : transactions) {
    auto pushed = co_await push(partition, transaction, deadline);
    if (pushed.ok()) moved |= *pushed;
    if (!pushed.ok() && !passing(pushed.error().code())) co_return pushed.error();
  }
  if (moved) {
    backoff.reset();
    co_return Status();
  }
  co_return co_await backoff.wait(0, deadline);
}

Task<Result<bool>> Operations::settle_decided(PartitionNumber partition, std::vector<TransactionId> writers,
                                              Instant deadline) {
  bool decided = false;
  for (const TransactionId& writer : writers) {
    // What matters is whether it was pending after the partition was read.
    CO_ASSIGN_OR_RETURN(TransactionState state, co_await port_.state_of(writer, deadline));
    if (state == TransactionState::pending) continue;
    decided = true;
    CO_RETURN_IF_ERROR(co_await resolve(partition, writer, state, deadline));
  }
  co_return decided;
}

Task<Status> Operations::finish(TransactionId transaction, bool commit, std::vector<PartitionNumber> participants,
                                Instant deadline) {
  Command command;
  command.kind = CommandKind::resolve;
  command.transaction = transaction;
  command.commit = commit;
  for (PartitionNumber participant : participants) {
    Attempts attempts;
    CO_RETURN_IF_ERROR(co_await run(participant, command, attempts, deadline));
  }
  command.kind = CommandKind::finish;
  Attempts attempts;
  CO_RETURN_IF_ERROR(co_await run(transaction.home, command, attempts, deadline));
  co_return Status();
}

Task<Status> Operations::abort(TransactionId transaction, std::vector<PartitionNumber> participants, Instant deadline) {
  Command command;
  command.kind = CommandKind::decide;
  command.transaction = transaction;
  Attempts attempts;
  CO_ASSIGN_OR_RETURN(Outcome outcome, co_await run(transaction.home, command, attempts, deadline));
  const bool committed = outcome.state == TransactionState::committed;
  co_return co_await finish(transaction, committed, std::move(participants), deadline);
}

bool Operations::clean(Task<void> task) {
  if (cleaners_.size() >= options_.cleaners_max) return false;
  cleaners_.spawn(std::move(task));
  return true;
}

Task<void> Operations::close(PartitionNumber partition, std::shared_ptr<Session> session, Instant deadline,
                             Closing& closing) {
  Command command;
  command.kind = CommandKind::close_session;
  command.operation.session = session->id;
  Attempts attempts;
  (void)(co_await run(partition, command, attempts, deadline)).ok();
  if (--closing.left == 0) closing.done.wake();
}

Task<void> Operations::stop(Duration patience) {
  const Instant deadline = env_.now() + patience;
  // What is being cleaned up holds sessions open.
  while (cleaners_.size() > 0 && env_.now() < deadline) {
    Status slept = co_await sleep_for(env_, kCleanersLook);
    if (!slept.ok()) break;
  }
  co_await cleaners_.stop();
  Closing closing(env_.loop());
  TaskGroup group(env_.loop());
  for (const auto& [partition, session] : sessions_)
    if (session->id != 0 && session->outstanding.empty()) ++closing.left;
  for (const auto& [partition, session] : sessions_)
    if (session->id != 0 && session->outstanding.empty()) group.spawn(close(partition, session, deadline, closing));
  sessions_.clear();
  if (closing.left > 0) {
    bool woken = co_await closing.done.park();
    if (!woken) group.cancel();
  }
  co_await group.join();
}

}  // namespace vortex::dht
