// A node's chunks, for those who are elsewhere.
#pragma once

#include <functional>
#include <optional>

#include "base/env.h"
#include "net/dispatcher.h"
#include "node/chunk_store.h"
#include "node/files/receipt.h"
#include "node/kill_points.h"

namespace vortex::node {

// Copies of one node, and who vouches for them.
class ChunkService {
 public:
  // All outlive every handler.
  ChunkService(Env& env, NodeId self, ChunkStore& store, const ReceiptSealer& sealer)
      : env_(env), self_(self), store_(store), sealer_(sealer) {}

  Task<Result<Receipt>> put(ChunkId chunk, Buffer stored, std::uint16_t form, bool& existed);
  Task<Result<Receipt>> touch(ChunkId chunk);
  Task<Result<std::vector<Receipt>>> sync(std::vector<Receipt> staged);

  // A copy was said to be durable: somebody is about to write it into a record.
  std::function<void(const ChunkId&)> on_durable;

  // When a client last asked for anything here.
  std::optional<Instant> last_client() const { return last_client_; }
  void note_client() { last_client_ = env_.now(); }
  void step(std::string_view name) { kill_point(env_, name); }

  // PutChunk, TouchChunk, SyncChunks, GetChunk and EraseChunk.
  void serve(net::Dispatcher& dispatcher);

 private:
  Receipt receipt(const ChunkId& chunk, const PutResult& result) const;

  Env& env_;
  const NodeId self_;
  ChunkStore& store_;
  const ReceiptSealer& sealer_;
  std::optional<Instant> last_client_;
};

}  // namespace vortex::node
