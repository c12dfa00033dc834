// Chunk holders over the network.
#pragma once

#include <functional>

#include "dht/ring/ring.h"
#include "net/peers.h"
#include "node/store/holders.h"

namespace vortex::node {

// Who is there, as far as whoever asks knows.
class ClusterView {
 public:
  virtual ~ClusterView() = default;
  virtual const dht::Ring& ring() = 0;
  // Where to call a node; an empty address when that is not known.
  virtual net::Target target(const NodeId& node) = 0;
  // Taken for dead: asked after all others.
  virtual bool dead(const NodeId& node) = 0;
};

class RemoteHolders final : public ChunkHolders {
 public:
  RemoteHolders(net::Peers& peers, ClusterView& view) : peers_(peers), view_(view) {}

  std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) override;
  Task<Result<Receipt>> put(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored, Duration timeout) override;
  Task<Result<Receipt>> touch(NodeId node, ChunkId chunk, Duration timeout) override;
  Task<Result<std::vector<Receipt>>> sync(NodeId node, std::vector<Receipt> staged, Duration timeout) override;
  Task<Result<HeldBytes>> get(NodeId node, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                              Duration timeout) override;
  // For members.
  Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to, Duration timeout);

 private:
  net::Peers& peers_;
  ClusterView& view_;
};

}  // namespace vortex::node
