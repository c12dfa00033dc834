// Commands that take effect once: sessions, retries, and whoever is in the way.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/env.h"
#include "base/event.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "dht/records_client/port.h"

namespace vortex::dht {

struct RecordsClientOptions {
  // A transaction in the way that stays undecided for so long is aborted: whoever began it is slow or gone.
  Duration patience = seconds(2);
  // How long cleaning up after a transaction goes on; then it is left to whoever meets what is left.
  Duration cleaning = seconds(20);
  std::size_t cleaners_max = 256;
  Duration backoff_min = milliseconds(2), backoff_max = milliseconds(300);

  RecordsClientOptions() {}
};

// Longer and longer waits, each drawn from the upper half.
class Backoff {
 public:
  Backoff(Env& env, const RecordsClientOptions& options) : env_(env), options_(options), next_(options.backoff_min) {}
  // At least so long as the answer has asked for, at most until the deadline; `timed_out` when that has passed.
  Task<Status> wait(std::uint32_t hint_ms, Instant deadline);
  void reset() { next_ = options_.backoff_min; }

 private:
  Env& env_;
  const RecordsClientOptions& options_;
  Duration next_;
};

class Operations {
 public:
  Operations(Env& env, PartitionPort& port, RecordsClientOptions options);
  ~Operations();

  struct Session {
    explicit Session(Loop& loop) : changed(loop) {}
    std::uint64_t id = 0;  // 0 while it is being opened
    std::uint64_t next = 0;
    std::set<std::uint64_t> outstanding;
    bool failed = false;  // it could not be opened
    Event changed;
    std::uint64_t acknowledged() const { return outstanding.empty() ? next : *outstanding.begin(); }
  };

  // The number of one operation. While it is held, the partition remembers what became of the operation.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(PartitionNumber partition, std::shared_ptr<Session> session);
    Ticket(Ticket&& other) noexcept { *this = std::move(other); }
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { release(); }
    void release();
    PartitionNumber partition() const { return partition_; }
    OperationId id() const { return id_; }
    // Puts the number into a command.
    void stamp(Command& command) const;

   private:
    friend class Operations;
    PartitionNumber partition_ = 0;
    OperationId id_;
    std::shared_ptr<Session> session_;
  };

  // Whether what was asked for may have happened though nobody said so.
  struct Attempts {
    bool unknown = false;
  };

  Task<Result<Ticket>> begin(PartitionNumber partition, Instant deadline);
  // The session is not known there any more: the next operation opens another one.
  void forget_session(const Ticket& ticket);
  // Until somebody says what became of it. Errors: `timed_out` and others that say nothing happened, or
  // `outcome_unknown` when that cannot be said, also of earlier attempts.
  Task<Result<Outcome>> run(PartitionNumber partition, const Command& command, Attempts& attempts, Instant deadline);

  // Transactions are in the way here. Those that are decided are resolved here; one that stays undecided too long is
  // aborted. Waits a little when there is nothing to do but wait.
  Task<Status> make_way(PartitionNumber partition, std::vector<TransactionId> transactions, Backoff& backoff,
                        Instant deadline);
  // The same for readers, who are kept out by decided transactions only. True when there was one: look again.
  Task<Result<bool>> settle_decided(PartitionNumber partition, std::vector<TransactionId> writers, Instant deadline);
  // Resolves it everywhere it says it was.
  Task<Status> finish(TransactionId transaction, bool commit, std::vector<PartitionNumber> participants,
                      Instant deadline);
  // Decides that it is aborted, unless it is decided already, and finishes it.
  Task<Status> abort(TransactionId transaction, std::vector<PartitionNumber> participants, Instant deadline);

  // Work that nobody waits for. False when there is too much of it.
  bool clean(Task<void> task);
  // Closes the sessions, within so long.
  Task<void> stop(Duration patience);

  Env& env() { return env_; }
  PartitionPort& port() { return port_; }
  const RecordsClientOptions& options() const { return options_; }
  Backoff backoff() { return Backoff(env_, options_); }

 private:
  Task<Status> open(PartitionNumber partition, std::shared_ptr<Session> session, Instant deadline);
  Task<Result<std::shared_ptr<Session>>> session_of(PartitionNumber partition, Instant deadline);
  struct Closing {
    explicit Closing(Loop& loop) : done(loop) {}
    std::size_t left = 0;
    Parking done;
  };
  Task<void> close(PartitionNumber partition, std::shared_ptr<Session> session, Instant deadline, Closing& closing);
  // Resolves or aborts it where that is due; true when it is out of the way.
  Task<Result<bool>> push(PartitionNumber partition, TransactionId transaction, Instant deadline);
  Task<Result<bool>> resolve(PartitionNumber partition, TransactionId transaction, TransactionState state,
                             Instant deadline);
  bool waited_enough(const TransactionId& transaction);

  Env& env_;
  PartitionPort& port_;
  const RecordsClientOptions options_;
  std::map<PartitionNumber, std::shared_ptr<Session>> sessions_;
  std::map<TransactionId, Instant> met_;  // undecided ones, since when
  Counter& retries_;
  Counter& unknown_;
  Counter& sessions_opened_;
  Counter& sessions_forgotten_;
  Counter& blocked_;
  Counter& aborted_;
  TaskGroup cleaners_;
};

}  // namespace vortex::dht
