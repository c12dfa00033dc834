// The records of transactions that have their home here: what becomes of them is decided by one write to one of these.
#pragma once

#include <map>
#include <vector>

#include "dht/partition/command.h"

namespace vortex::dht {

// A transaction without a record is aborted. Part of the replicated state.
class Decisions {
 public:
  struct Decision {
    TransactionState state = TransactionState::pending;
    std::vector<PartitionNumber> participants;  // where intents may be left
    VORTEX_FIELDS(state, participants)
  };

  void begin(OperationId operation, std::vector<PartitionNumber> participants);
  // The state after it: what was decided before stays, and what is absent stays absent.
  TransactionState decide(OperationId operation, bool commit);
  const Decision* find(OperationId operation) const;
  // No intents are left elsewhere.
  void finish(OperationId operation);
  // Nobody asks any more for those of the session below `sequence`. Aborts what is pending and forgets whatever may be
  // absent from now on; of a committed one whose intents may be somewhere the record stays until it is finished. The
  // aborted ones that were pending.
  std::vector<OperationId> release(std::uint64_t session, std::uint64_t below);
  // Forgets one that nobody needs.
  void forget(OperationId operation) { decisions_.erase(operation); }

  const std::map<OperationId, Decision>& all() const { return decisions_; }
  std::size_t size() const { return decisions_.size(); }
  void encode(Encoder& out) const;
  bool decode(Decoder& in);

 private:
  std::map<OperationId, Decision> decisions_;
};

}  // namespace vortex::dht
