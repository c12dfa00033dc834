#include "dht/records_client/settler.h"

#include "dht/partition/machine.h"

namespace vortex::dht {

void Settler::look(PartitionNumber partition, std::set<Left>& into) {
  auto view = host_.view(partition);
  auto* machine = static_cast<PartitionMachine*>(host_.machine(partition));
  if (!view || !machine || view->role != raft::Role::leader) return;
  Left left;
  left.partition = partition;
  for (const auto& [operation, decision] : machine->state().decisions().all()) {
    if (into.size() >= kSettleMax) return;
    // What is decided and finished waits for its session only.
    if (decision.state != TransactionState::pending && decision.participants.empty()) continue;
    left.transaction.home = partition;
    left.transaction.operation = operation;
    into.insert(left);
  }
  for (const auto& [transaction, prepared] : machine->state().intents().prepared()) {
    if (into.size() >= kSettleMax) return;
    left.transaction = transaction;
    if (transaction.home != partition) into.insert(left);
  }
}

Task<void> Settler::run() {
  while (true) {
    Status slept = co_await sleep_for(env_, kSettlePeriod);
    if (!slept.ok()) co_return;
    std::set<Left> found;
    for (groups::GroupId group : host_.groups()) look(group, found);
    for (const Left& left : found) {
      if (!seen_.contains(left)) continue;
      Status settled = co_await settle(left);
      if (settled.is(Code::cancelled)) co_return;
    }
    seen_ = std::move(found);
  }
}

Task<Status> Settler::settle(Left left) {
  const Instant deadline = env_.now() + kSettlePeriod;
  if (left.transaction.home != left.partition) {
    Backoff backoff = operations_.backoff();
    std::vector<TransactionId> one(1, left.transaction);
    co_return co_await operations_.make_way(left.partition, std::move(one), backoff, deadline);
  }
  auto* machine = static_cast<PartitionMachine*>(host_.machine(left.partition));
  const Decisions::Decision* decision =
      machine ? machine->state().decisions().find(left.transaction.operation) : nullptr;
  if (!decision) co_return Status();
  std::vector<PartitionNumber> participants = decision->participants;
  // Decides only what is not decided.
  co_return co_await operations_.abort(left.transaction, std::move(participants), deadline);
}

}  // namespace vortex::dht
