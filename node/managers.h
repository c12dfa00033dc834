// What keeps a node's share of the cluster in order without being asked: the look over the records it leads, and those
// who act on it; what it has on its disk; and what people are told of all that, and may order.
#pragma once

#include <memory>

#include "node/files_stack.h"
#include "node/inventory/inventory_calls.h"
#include "node/metadata.h"
#include "node/repair/copier.h"
#include "node/repair/orders.h"
#include "node/repair/repair_calls.h"
#include "node/scrub/scrub.h"
#include "node/upkeep/disk_watch.h"
#include "node/upkeep/events.h"
#include "node/upkeep/upkeep.h"

namespace vortex::node {

struct ManagersOptions {
  std::string directory;  // of this node's data
  UpkeepOptions upkeep;
  InventoryOptions inventory;
  ScrubSettings scrub;
};

class MetadataLeaders final : public PartitionLeaders {
 public:
  explicit MetadataLeaders(Metadata& metadata) : metadata_(metadata) {}
  std::uint32_t partitions() override { return metadata_.table().partitions(); }
  std::optional<NodeId> leader(dht::PartitionNumber partition) override;
  Task<Status> find_leader(dht::PartitionNumber partition) override;

 private:
  Metadata& metadata_;
};

class Managers {
 public:
  // All outlive it. Registers its messages with the dispatcher, which is not in use yet.
  Managers(Env& env, net::Dispatcher& dispatcher, dht::Membership& membership, Metadata& metadata, ChunkStore& chunks,
           FilesStack& files, ManagersOptions options);
  // When the node takes part in its cluster.
  void start();
  Task<void> stop();

  // The store has found a copy damaged, and set it aside.
  void damaged(const wal::values::Damage& damage);

  Upkeep& upkeep() { return upkeep_; }
  Repair& repair() { return repair_; }
  Janitor& janitor() { return janitor_; }
  Inventory& inventory() { return inventory_; }
  Events& events() { return events_; }

 private:
  void serve(net::Dispatcher& dispatcher);
  net::UpkeepReport report() const;
  Task<Result<net::ReportUpkeepResponse>> reports(bool everywhere, Instant deadline);
  Task<Result<net::ListEventsResponse>> list_events(net::ListEventsRequest request, Instant deadline);
  Task<Result<net::SteerManagersResponse>> steer(net::SteerManagersRequest request, Instant deadline);
  Task<void> follow_orders();
  // A disk that fails is emptied before it is gone.
  Task<void> watch_disk();
  // Why repair, or moving, does not go on, or not as it should; empty when nothing is to be said.
  std::string hindrance(const std::string& waits, bool busy) const;
  void member_changed(const dht::Member& now, const dht::MemberChange& change);

  Env& env_;
  dht::Membership& membership_;
  Metadata& metadata_;
  ChunkStore& chunks_;
  FilesStack& files_;
  Events events_;
  MembersView view_;
  HostRecords records_;
  MemberPlaces places_;
  Copier copier_;
  RepairCalls repair_calls_;
  Repair repair_;
  Janitor janitor_;
  Upkeep upkeep_;
  MetadataLeaders leaders_;
  InventoryDesk desk_;
  InventoryCalls inventory_calls_;
  Inventory inventory_;
  ScrubLoop scrub_;
  DiskWatch disk_;
  std::string disk_warning_;
  std::uint64_t observer_ = 0;
  std::uint64_t under_peak_ = 0;
  TaskGroup tasks_;
};

}  // namespace vortex::node
