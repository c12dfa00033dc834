// InventoryPort over the network and on the node itself, and what answers it there.
#pragma once

#include "net/messages/repair.h"
#include "net/peers.h"
#include "node/client/remote_holders.h"
#include "node/inventory/inventory.h"
#include "node/repair/repair.h"

namespace vortex::node {

// Who leads which partition.
class PartitionLeaders {
 public:
  virtual ~PartitionLeaders() = default;
  virtual std::uint32_t partitions() = 0;
  virtual std::optional<NodeId> leader(dht::PartitionNumber partition) = 0;
  // Asks around.
  virtual Task<Status> find_leader(dht::PartitionNumber partition) = 0;
};

// A leader's answers: TellInventory and TellCopies.
class InventoryDesk {
 public:
  // All outlive it.
  InventoryDesk(Env& env, const LedRecords& led, ChunkRecords& chunks, Places& places, RepairPort& port,
                PartitionLeaders& leaders);
  void serve(net::Dispatcher& dispatcher);
  // Told when a node has lost a copy.
  std::function<void(const NodeId&, const ChunkId&)> on_gone;

  Task<Result<net::TellInventoryResponse>> compare(NodeId holder, net::TellInventoryRequest request);
  Task<Result<net::TellCopiesResponse>> settle(NodeId holder, net::TellCopiesRequest request);

 private:
  Task<Status> settle_stray(NodeId holder, HeldCopy copy);

  Env& env_;
  const LedRecords& led_;
  ChunkRecords& chunks_;
  Places& places_;
  RepairPort& port_;
  PartitionLeaders& leaders_;
};

class InventoryCalls final : public InventoryPort {
 public:
  // All outlive it.
  InventoryCalls(NodeId self, InventoryDesk& own, net::Peers& peers, ClusterView& view, PartitionLeaders& leaders)
      : self_(self), own_(own), peers_(peers), view_(view), leaders_(leaders) {}

  std::uint32_t partitions() override { return leaders_.partitions(); }
  std::optional<NodeId> leader(dht::PartitionNumber partition) override { return leaders_.leader(partition); }
  Task<Status> find_leader(dht::PartitionNumber partition) override { return leaders_.find_leader(partition); }
  Task<Result<InventoryDifference>> compare(NodeId leader, InventoryPiece piece) override;
  Task<Status> tell(NodeId leader, std::vector<HeldCopy> gone, std::vector<HeldCopy> strays) override;

 private:
  const NodeId self_;
  InventoryDesk& own_;
  net::Peers& peers_;
  ClusterView& view_;
  PartitionLeaders& leaders_;
};

}  // namespace vortex::node
