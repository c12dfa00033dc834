#include "dht/records_client/settler.h"

#include <algorithm>

#include "dht/partition/machine.h"

namespace vortex::dht {

Task<void> Settler::stop() {
  workers_.cancel();
  co_await tasks_.stop();
  co_await workers_.stop();
}

void Settler::look(PartitionNumber partition, std::set<Left>& into) {
  auto view = host_.view(partition);
  auto* machine = static_cast<PartitionMachine*>(host_.machine(partition));
  if (!view || !machine || view->role != raft::Role::leader) return;
  Left left;
  left.partition = partition;
  for (const auto& [operation, decision] : machine->state().decisions().all()) {
    if (into.size() >= kSettlerSeenMax) return;
    // What is decided and finished waits for its session only.
    if (decision.state != TransactionState::pending && decision.participants.empty()) continue;
    left.transaction.home = partition;
    left.transaction.operation = operation;
    into.insert(left);
  }
  for (const auto& [transaction, prepared] : machine->state().intents().prepared()) {
    if (into.size() >= kSettlerSeenMax) return;
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
    choose(found);
    const std::size_t workers = std::min(todo_.size(), kSettleAtOnce);
    for (std::size_t i = 0; i < workers; ++i) workers_.spawn(work());
    co_await workers_.join();
    todo_.clear();
    seen_ = std::move(found);
  }
}

// Those that were there before, beginning behind the last one that had its turn.
void Settler::choose(const std::set<Left>& found) {
  auto at = found.upper_bound(last_);
  for (std::size_t i = 0; i < found.size() && todo_.size() < kSettleMax; ++i, ++at) {
    if (at == found.end()) at = found.begin();
    if (seen_.contains(*at)) todo_.push_back(*at);
  }
  if (!todo_.empty()) last_ = todo_.back();
}

// One whose home or participants cannot be reached takes its time, and holds up only one of several.
Task<void> Settler::work() {
  while (!todo_.empty()) {
    Left left = todo_.front();
    todo_.pop_front();
    Status settled = co_await settle(left);
    if (settled.is(Code::cancelled)) co_return;
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
