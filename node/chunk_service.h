// A node's chunks, for those who are elsewhere.
#pragma once

#include "net/dispatcher.h"
#include "node/chunk_store.h"
#include "node/files/receipt.h"

namespace vortex::node {

// Copies of one node, and who vouches for them.
class ChunkService {
 public:
  // The store and the sealer outlive every handler.
  ChunkService(NodeId self, ChunkStore& store, const ReceiptSealer& sealer)
      : self_(self), store_(store), sealer_(sealer) {}

  Task<Result<Receipt>> put(ChunkId chunk, Buffer stored, std::uint16_t form, bool& existed);
  Task<Result<Receipt>> touch(ChunkId chunk);
  Task<Result<std::vector<Receipt>>> sync(std::vector<Receipt> staged);

  // PutChunk, TouchChunk, SyncChunks, GetChunk and EraseChunk.
  void serve(net::Dispatcher& dispatcher);

 private:
  Receipt receipt(const ChunkId& chunk, const PutResult& result) const;

  const NodeId self_;
  ChunkStore& store_;
  const ReceiptSealer& sealer_;
};

}  // namespace vortex::node
