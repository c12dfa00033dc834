// Chunk holders as a member sees them: itself, without a connection, and all others.
#pragma once

#include "node/chunk_service.h"
#include "node/client/remote_holders.h"

namespace vortex::node {

class MemberHolders final : public ChunkHolders {
 public:
  // All outlive it.
  MemberHolders(NodeId self, ChunkStore& store, ChunkService& service, RemoteHolders& others)
      : self_(self), store_(store), service_(service), others_(others) {}

  std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) override { return others_.owners(chunk, count); }
  Task<Result<Receipt>> put(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored, Duration timeout) override;
  Task<Result<Receipt>> touch(NodeId node, ChunkId chunk, Duration timeout) override;
  Task<Result<std::vector<Receipt>>> sync(NodeId node, std::vector<Receipt> staged, Duration timeout) override;
  Task<Result<HeldBytes>> get(NodeId node, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                              Duration timeout) override;
  Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to, Duration timeout);

 private:
  const NodeId self_;
  ChunkStore& store_;
  ChunkService& service_;
  RemoteHolders& others_;
};

}  // namespace vortex::node
