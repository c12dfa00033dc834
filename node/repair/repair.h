// The replication and rebalance managers of one node: they work off what the looks over the records it leads have
// found, the most endangered first, and say how far they are.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/event.h"
#include "base/task_group.h"
#include "base/window.h"
#include "node/files/chunk_records.h"
#include "node/upkeep/survey.h"

namespace vortex::node {

// How copies are made, proven and erased. Implemented over the network, and by tests.
class RepairPort {
 public:
  struct Made {
    Receipt receipt;  // durable, with a seal that was checked
    std::uint64_t moved = 0;
    std::vector<NodeId> lacks;  // sources without a sound copy
  };
  virtual ~RepairPort() = default;
  virtual Task<Result<Made>> copy(NodeId target, ChunkId chunk, std::uint32_t size, std::vector<NodeId> sources) = 0;
  // True when the node has just read its copy from beginning to end, and it is sound and not older than this.
  virtual Task<Result<bool>> prove(NodeId node, ChunkId chunk, CopyNumber at_least) = 0;
  virtual Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to) = 0;
};

struct RepairOptions {
  std::size_t tasks_at_once = 32;
  std::size_t bytes_in_flight = 128 * kMiB;
  Duration record_timeout = seconds(20);

  RepairOptions() {}
};

// What people decide; the same on every node.
struct RepairOrders {
  bool repair_paused = false, rebalance_paused = false;
  bool anyway = false;  // also while many members look dead
  bool operator==(const RepairOrders&) const = default;
};

struct RepairWork {
  bool active = false;
  std::uint64_t done = 0, left = 0, bytes_done = 0, bytes_left = 0;
  double rate = 0;  // bytes a second, lately
};

class Repair {
 public:
  // All outlive it.
  Repair(Env& env, ChunkRecords& records, Places& places, RepairPort& port, RepairOptions options = RepairOptions());
  void start();
  Task<void> stop();

  // What chunks of this partition need, instead of what was said before.
  void needs(dht::PartitionNumber partition, std::vector<RepairNeed> needs);
  // The partition is led by somebody else.
  void keep_only(const std::vector<dht::PartitionNumber>& led);
  void order(RepairOrders orders);
  const RepairOrders& orders() const { return orders_; }

  RepairWork repair() const;
  RepairWork rebalance() const;
  // Why nothing is repaired though there is something to do; empty when nothing is in the way.
  std::string waits() const;
  // Too many members look dead at once: more often a fault of the network than a disaster.
  bool too_many_dead() const;

  // Told when there is something to tell people.
  std::function<void(std::string kind, std::string text)> on_event;

 private:
  struct Item {
    RepairNeed need;
    dht::PartitionNumber partition = 0;
    auto operator<=>(const Item&) const = default;
  };
  struct Counters {
    std::uint64_t done = 0, bytes_done = 0, left = 0, bytes_left = 0, running = 0, bytes_running = 0;
    bool active = false;
    double rate = 0;
    std::uint64_t bytes_counted = 0;
  };
  Counters& counters(Urgency urgency) { return urgency == Urgency::misplaced ? rebalance_ : repair_; }
  void add(Item item);
  void remove(const Item& item);
  bool rests(const ChunkId& chunk) const;
  void failed(const ChunkId& chunk, Duration took);
  std::optional<Item> next();
  Task<void> work();
  Task<void> measure();
  // What was done for a chunk.
  struct Mended {
    bool anything = false;
    std::uint64_t moved = 0;
  };
  Task<Result<Mended>> mend(RepairNeed task);
  struct Made {
    std::uint64_t moved = 0;
    bool full = false;  // a target had no space
  };
  Task<Result<Made>> make_copies(ChunkId chunk, std::uint32_t size, ChunkNeed need);
  Task<Status> drop_surplus(ChunkId chunk, ChunkRecords::Known known, ChunkNeed need);
  static RepairWork work_of(const Counters& counters);

  Env& env_;
  ChunkRecords& records_;
  Places& places_;
  RepairPort& port_;
  const RepairOptions options_;
  RepairOrders orders_;
  std::map<dht::PartitionNumber, std::set<RepairNeed>> by_partition_;
  std::set<Item> queue_;  // what is in by_partition_, most urgent first
  std::set<ChunkId> busy_;
  std::map<ChunkId, Instant> not_before_;  // what failed keeps nothing else waiting
  Counters repair_, rebalance_;
  Window bytes_;
  Event changed_;
  std::uint64_t turn_ = 0;  // spreads reading over the sources
  bool said_too_many_ = false;
  TaskGroup tasks_;
};

}  // namespace vortex::node
