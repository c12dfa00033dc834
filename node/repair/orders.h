// What people have decided about the managers: one record for the whole cluster, which every node reads again and
// again.
#pragma once

#include "base/env.h"
#include "dht/records.h"
#include "net/messages/repair.h"
#include "node/files/inode.h"
#include "node/repair/repair.h"

namespace vortex::node {

struct ManagerOrders {
  static constexpr std::uint8_t kFormat = 1;
  bool repair_paused = false, rebalance_paused = false;
  FileTime anyway_until = 0;     // repair goes on though many members look dead
  std::uint64_t rate_bytes = 0;  // that a node takes in a second; 0: no limit
  VORTEX_FIELDS(repair_paused, rebalance_paused, anyway_until, rate_bytes)
};

Task<Result<ManagerOrders>> read_orders(dht::Records& records, Duration timeout);
// With this change, made by one of the orders that are kept.
Task<Status> change_orders(Env& env, dht::Records& records, net::Steering what, std::uint64_t rate_bytes,
                           Duration timeout);
RepairOrders orders_at(const ManagerOrders& orders, FileTime now);

}  // namespace vortex::node
