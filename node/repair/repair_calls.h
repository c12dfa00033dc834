// RepairPort over the network, and on the node itself.
#pragma once

#include "net/peers.h"
#include "node/member_holders.h"
#include "node/repair/copier.h"
#include "node/repair/repair.h"

namespace vortex::node {

class RepairCalls final : public RepairPort {
 public:
  // All outlive it.
  RepairCalls(NodeId self, Copier& own, net::Peers& peers, ClusterView& view, MemberHolders& holders,
              const ReceiptSealer& sealer)
      : self_(self), own_(own), peers_(peers), view_(view), holders_(holders), sealer_(sealer) {}

  Task<Result<Made>> copy(NodeId target, ChunkId chunk, std::uint32_t size, std::vector<NodeId> sources) override;
  Task<Result<bool>> prove(NodeId node, ChunkId chunk, CopyNumber at_least) override;
  Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to) override;

 private:
  const NodeId self_;
  Copier& own_;
  net::Peers& peers_;
  ClusterView& view_;
  MemberHolders& holders_;
  const ReceiptSealer& sealer_;
};

}  // namespace vortex::node
