// Finishes transactions that nobody else finishes: what dead coordinators left in partitions led here.
#pragma once

#include <deque>
#include <set>

#include "base/env.h"
#include "base/task_group.h"
#include "dht/groups/host.h"
#include "dht/records_client/operations.h"

namespace vortex::dht {

// Whatever is found twice, a period apart, has an owner that is slow or gone.
inline constexpr Duration kSettlePeriod = seconds(5);
// In one pass, over all partitions, and of them at the same time.
inline constexpr std::size_t kSettleMax = 256;
inline constexpr std::size_t kSettleAtOnce = 16;
// So many are remembered from one pass to the next.
inline constexpr std::size_t kSettlerSeenMax = 16 * 1024;

class Settler {
 public:
  // All of them outlive it.
  Settler(Env& env, groups::Host& host, Operations& operations)
      : env_(env), host_(host), operations_(operations), tasks_(env.loop()), workers_(env.loop()) {}

  void start() { tasks_.spawn(run()); }
  Task<void> stop();
  // Transactions that were there in the last pass.
  std::size_t seen() const { return seen_.size(); }

 private:
  // One that is at home here, or has intents here.
  struct Left {
    PartitionNumber partition = 0;
    TransactionId transaction;
    auto operator<=>(const Left&) const = default;
  };
  Task<void> run();
  Task<void> work();
  void choose(const std::set<Left>& found);
  void look(PartitionNumber partition, std::set<Left>& into);
  Task<Status> settle(Left left);

  Env& env_;
  groups::Host& host_;
  Operations& operations_;
  std::set<Left> seen_;
  std::deque<Left> todo_;  // of this pass
  Left last_;              // that had its turn
  TaskGroup tasks_;
  TaskGroup workers_;
};

}  // namespace vortex::dht
