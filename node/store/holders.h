// The nodes that hold chunks, as whoever moves bytes sees them. Implemented over the network, and by tests.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "base/time.h"
#include "node/files/receipt.h"

namespace vortex::node {

struct HeldBytes {
  Buffer bytes;
  std::uint32_t length = 0;  // of the whole copy
  std::uint16_t form = 0;    // of this copy
};

class ChunkHolders {
 public:
  virtual ~ChunkHolders() = default;
  // Where copies of this chunk should be, best first: the ring's word. Fewer than `count` when there are fewer nodes.
  virtual std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) = 0;

  // Staged copies. `not_found` of touch: the bytes are not there and must be put.
  virtual Task<Result<Receipt>> put(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored,
                                    Duration timeout) = 0;
  virtual Task<Result<Receipt>> touch(NodeId node, ChunkId chunk, Duration timeout) = 0;
  // The same receipts for durable copies. `stale` when the node has restarted since it gave one of them.
  virtual Task<Result<std::vector<Receipt>>> sync(NodeId node, std::vector<Receipt> staged, Duration timeout) = 0;
  // Bytes of the stored form; a range beyond the end is cut there.
  virtual Task<Result<HeldBytes>> get(NodeId node, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                                      Duration timeout) = 0;
};

// The holder finds its copy, compares it with the id and makes it durable.
Task<Result<Receipt>> prove(ChunkHolders& holders, NodeId node, ChunkId chunk, Duration timeout);

}  // namespace vortex::node
