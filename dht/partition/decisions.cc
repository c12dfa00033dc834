#include "dht/partition/decisions.h"

#include "dht/partition/limits.h"

namespace vortex::dht {

void Decisions::begin(OperationId operation, std::vector<PartitionNumber> participants) {
  decisions_[operation].participants = std::move(participants);
}

TransactionState Decisions::decide(OperationId operation, bool commit) {
  auto at = decisions_.find(operation);
  if (at == decisions_.end()) return TransactionState::absent;
  TransactionState& state = at->second.state;
  if (state == TransactionState::pending) state = commit ? TransactionState::committed : TransactionState::aborted;
  return state;
}

const Decisions::Decision* Decisions::find(OperationId operation) const {
  auto at = decisions_.find(operation);
  return at == decisions_.end() ? nullptr : &at->second;
}

void Decisions::finish(OperationId operation) {
  auto at = decisions_.find(operation);
  if (at != decisions_.end() && at->second.state != TransactionState::pending) at->second.participants.clear();
}

std::vector<OperationId> Decisions::release(std::uint64_t session, std::uint64_t below) {
  std::vector<OperationId> aborted;
  auto at = decisions_.lower_bound(OperationId{session, 0});
  while (at != decisions_.end() && at->first.session == session && at->first.sequence < below) {
    const Decision& decision = at->second;
    if (decision.state == TransactionState::pending) aborted.push_back(at->first);
    const bool needed = decision.state == TransactionState::committed && !decision.participants.empty();
    at = needed ? std::next(at) : decisions_.erase(at);
  }
  return aborted;
}

void Decisions::encode(Encoder& out) const {
  out.put(static_cast<std::uint32_t>(decisions_.size()));
  for (const auto& [operation, decision] : decisions_) {
    out.put(operation);
    out.put(decision);
  }
}

bool Decisions::decode(Decoder& in) {
  decisions_.clear();
  std::uint32_t count = 0;
  in.get(count);
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    OperationId operation;
    Decision decision;
    in(operation, decision);
    if (decision.state == TransactionState::absent || decision.participants.size() > kParticipantsMax) return false;
    decisions_.emplace(operation, std::move(decision));
  }
  return in.ok();
}

}  // namespace vortex::dht
