#include "node/repair/repair_calls.h"

#include "net/messages/repair.h"

namespace vortex::node {

namespace {
// It waits at the target for room, for its rate, and for clients.
constexpr Duration kCopyPatience = std::chrono::minutes(2);
constexpr Duration kProofPatience = seconds(30);
constexpr Duration kErasePatience = seconds(10);
}  // namespace

Task<Result<RepairPort::Made>> RepairCalls::copy(NodeId target, ChunkId chunk, std::uint32_t size,
                                                 std::vector<NodeId> sources) {
  Made made;
  if (target == self_) {
    CO_ASSIGN_OR_RETURN(Copied copied, co_await own_.copy(chunk, size, std::move(sources)));
    made.receipt = std::move(copied.receipt);
    made.moved = copied.moved;
    made.lacks = std::move(copied.lacks);
    co_return made;
  }
  net::CopyChunkRequest request;
  request.chunk = chunk;
  request.size = size;
  request.sources = std::move(sources);
  CO_ASSIGN_OR_RETURN(auto reply, co_await peers_.call<net::CopyChunk>(view_.target(target), std::move(request),
                                                                       net::CallOptions(kCopyPatience)));
  CO_ASSIGN_OR_RETURN(made.receipt, decode<Receipt>(reply.response.receipt));
  bool fits = made.receipt.node == target && made.receipt.chunk == chunk && made.receipt.durable;
  if (!fits || !sealer_.sealed(made.receipt)) co_return Error(Code::failed, "a receipt for something else");
  made.moved = reply.response.moved;
  made.lacks = std::move(reply.response.lacks);
  co_return made;
}

Task<Result<bool>> RepairCalls::prove(NodeId node, ChunkId chunk, CopyNumber at_least) {
  if (node == self_) co_return co_await own_.prove(chunk, at_least);
  net::ProveChunksRequest request;
  net::CopyName& copy = request.copies.emplace_back();
  copy.chunk = chunk;
  copy.epoch = at_least.epoch;
  copy.sequence = at_least.sequence;
  CO_ASSIGN_OR_RETURN(auto reply, co_await peers_.call<net::ProveChunks>(view_.target(node), std::move(request),
                                                                         net::CallOptions(kProofPatience)));
  if (reply.response.sound.size() != 1) co_return Error(Code::failed, "an answer to another question");
  co_return reply.response.sound[0] == 1;
}

Task<Status> RepairCalls::erase(NodeId node, ChunkId chunk, CopyNumber up_to) {
  return holders_.erase(node, chunk, up_to, kErasePatience);
}

}  // namespace vortex::node
