// A batch over several partitions, as DESIGN says: its record first, then intents on everything it reads or writes
// together with validation, then one write that decides, then cleaning up.
//
// Partitions are prepared one after the other in the order of their numbers, and each all at once or not at all. So a
// transaction that waits holds intents only in partitions before the one it waits for, and no two can wait for each
// other. Home is the first of them: its preparation makes the record.
#pragma once

#include <vector>

#include "dht/records_client/operations.h"
#include "dht/records_client/split.h"

namespace vortex::dht {

class Transaction {
 public:
  // At least two parts, sorted. `writes`: of the whole batch.
  Transaction(Operations& operations, std::vector<BatchPart> parts, std::size_t writes)
      : operations_(operations), parts_(std::move(parts)), writes_(writes) {}

  // Errors: `timed_out` and others say that nothing happened, `outcome_unknown` that this cannot be said.
  Task<Result<Commit>> run(Instant deadline);

 private:
  enum class Step : std::uint8_t { done, refused, again };
  struct Prepared {
    Step step = Step::done;
    Version version = 0;
    Commit refusal;
  };
  // One attempt under one id. `again`: it was aborted, and nothing happened.
  Task<Result<Step>> attempt(Commit& commit, Instant deadline);
  Task<Result<Prepared>> prepare_home(Instant deadline);
  Task<Result<Prepared>> prepare(std::size_t part, Operations::Ticket ticket, Instant deadline);
  Task<Result<Prepared>> prepare_at(std::size_t part, const Operations::Ticket& ticket, Instant deadline);
  Task<Result<Step>> decide(Instant deadline);
  Prepared refused(std::size_t part, Outcome outcome) const;
  // In the background, or, where there is no room for that, before it returns.
  Task<void> clean_up(bool commit, std::size_t prepared);

  Operations& operations_;
  std::vector<BatchPart> parts_;
  const std::size_t writes_;
  TransactionId id_;
  Operations::Ticket home_;  // held until it is decided: nobody acknowledges a transaction that is under way
};

}  // namespace vortex::dht
