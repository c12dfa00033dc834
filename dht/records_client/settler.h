// Finishes transactions that nobody else finishes: what dead coordinators left in partitions led here.
#pragma once

#include <set>

#include "base/env.h"
#include "base/task_group.h"
#include "dht/groups/host.h"
#include "dht/records_client/operations.h"

namespace vortex::dht {

// Whatever is found twice, a period apart, has an owner that is slow or gone.
inline constexpr Duration kSettlePeriod = seconds(5);
// In one pass, over all partitions.
inline constexpr std::size_t kSettleMax = 256;

class Settler {
 public:
  // All of them outlive it.
  Settler(Env& env, groups::Host& host, Operations& operations)
      : env_(env), host_(host), operations_(operations), tasks_(env.loop()) {}

  void start() { tasks_.spawn(run()); }
  Task<void> stop() { return tasks_.stop(); }
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
  void look(PartitionNumber partition, std::set<Left>& into);
  Task<Status> settle(Left left);

  Env& env_;
  groups::Host& host_;
  Operations& operations_;
  std::set<Left> seen_;
  TaskGroup tasks_;
};

}  // namespace vortex::dht
