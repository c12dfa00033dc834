// Compares what this node has on its disk with what the records say, both ways: tells the leaders of the records what
// it has, piece by piece, and what they find it lacks or has too much.
#pragma once

#include <map>
#include <set>

#include "base/event.h"
#include "base/task_group.h"
#include "dht/partition/key_space.h"
#include "node/chunk_store.h"
#include "node/files/chunk_records.h"
#include "node/upkeep/led_records.h"

namespace vortex::node {

// One piece: all chunks of some partitions between two ids, both included.
struct InventoryPiece {
  std::vector<dht::PartitionNumber> partitions;
  Id from, to;
  std::vector<ChunkId> held;  // in order
};
struct HeldCopy {
  ChunkId chunk;
  CopyNumber copy;
};
struct InventoryDifference {
  std::vector<dht::PartitionNumber> compared;  // the rest is led elsewhere
  std::vector<HeldCopy> missing;               // a record says that the node holds it
  std::vector<ChunkId> unexpected;             // no record says so
};

// The leaders' side. What `holder` says that it has, against the records of the partitions led here, of so many.
Task<Result<InventoryDifference>> compare_inventory(Env& env, const LedRecords& records, std::uint32_t partitions,
                                                    NodeId holder, InventoryPiece piece);

// The way to the leaders. Implemented over the network, and by tests.
class InventoryPort {
 public:
  virtual ~InventoryPort() = default;
  virtual std::uint32_t partitions() = 0;
  // Who leads the partition, as far as is known.
  virtual std::optional<NodeId> leader(dht::PartitionNumber partition) = 0;
  // Asks around.
  virtual Task<Status> find_leader(dht::PartitionNumber partition) = 0;
  virtual Task<Result<InventoryDifference>> compare(NodeId leader, InventoryPiece piece) = 0;
  // Copies up to these numbers the node has not; those it has had for long though no record names them.
  virtual Task<Status> tell(NodeId leader, std::vector<HeldCopy> gone, std::vector<HeldCopy> strays) = 0;
};

struct InventoryOptions {
  // A whole inventory; longer when there is very much.
  Duration period = std::chrono::minutes(10);
  // After the start.
  Duration first = seconds(20);
  // So long a copy may be there that no record knows: its store may still be under way.
  Duration stray_grace = std::chrono::hours(1);
  // Chunks named in one piece.
  std::size_t piece_chunks = 8192;

  InventoryOptions() {}
};

struct InventoryStats {
  std::uint64_t passes = 0, chunks = 0, gone = 0, strays = 0;
};

class Inventory {
 public:
  // All outlive it.
  Inventory(Env& env, ChunkStore& store, InventoryPort& port, InventoryOptions options = InventoryOptions());
  void start();
  Task<void> stop();

  // Somebody is about to name this copy in a record: if it is a stray, then since now.
  void expected(const ChunkId& chunk) { strays_.erase(chunk); }
  // A copy of this chunk turned out to be bad and is not there any more: told soon.
  void lost(const ChunkId& chunk);
  // One whole inventory, now. Fails only with `cancelled`.
  Task<Status> pass();
  const InventoryStats& stats() const { return stats_; }

 private:
  struct Stray {
    CopyNumber copy;
    Instant since;
    std::uint64_t pass = 0;
  };
  Task<void> run();
  Task<void> tell_lost();
  // Chunks between the two that the store has, named to whoever leads them.
  Task<Status> tell_range(Id from, Id to, std::vector<ChunkId> held);
  // The same for some partitions; those that nobody compared are left in the set.
  Task<Status> tell_partitions(Id from, Id to, const std::vector<ChunkId>& held, std::set<dht::PartitionNumber>& open);
  Task<Status> look_again(NodeId leader, InventoryDifference difference);
  Task<std::optional<CopyNumber>> stray_since_long(ChunkId chunk);

  Env& env_;
  ChunkStore& store_;
  InventoryPort& port_;
  const InventoryOptions options_;
  InventoryStats stats_;
  std::map<ChunkId, Stray> strays_;
  std::set<ChunkId> lost_;
  Event lost_more_;
  TaskGroup tasks_;
};

}  // namespace vortex::node
