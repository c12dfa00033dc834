#include "node/client/remote_holders.h"

#include <algorithm>

#include "net/messages/chunk.h"

namespace vortex::node {

std::vector<NodeId> RemoteHolders::owners(const ChunkId& chunk, std::size_t count) {
  std::vector<NodeId> owners = view_.ring().owners(chunk, std::min(count, dht::kOwnersMax));
  std::stable_partition(owners.begin(), owners.end(), [this](const NodeId& node) { return !view_.dead(node); });
  return owners;
}

Task<Result<Receipt>> RemoteHolders::put(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored,
                                         Duration timeout) {
  net::PutChunkRequest request;
  request.id = chunk;
  request.form = form;
  net::CallOptions options(timeout, std::move(stored));
  CO_ASSIGN_OR_RETURN(auto reply, co_await peers_.call<net::PutChunk>(view_.target(node), request, std::move(options)));
  co_return decode<Receipt>(reply.response.receipt);
}

Task<Result<Receipt>> RemoteHolders::touch(NodeId node, ChunkId chunk, Duration timeout) {
  net::TouchChunkRequest request;
  request.id = chunk;
  CO_ASSIGN_OR_RETURN(auto reply,
                      co_await peers_.call<net::TouchChunk>(view_.target(node), request, net::CallOptions(timeout)));
  co_return decode<Receipt>(reply.response.receipt);
}

Task<Result<std::vector<Receipt>>> RemoteHolders::sync(NodeId node, std::vector<Receipt> staged, Duration timeout) {
  net::SyncChunksRequest request;
  for (const Receipt& receipt : staged) request.receipts.push_back(encode(receipt));
  CO_ASSIGN_OR_RETURN(auto reply, co_await peers_.call<net::SyncChunks>(view_.target(node), std::move(request),
                                                                        net::CallOptions(timeout)));
  std::vector<Receipt> durable;
  for (const ByteVector& bytes : reply.response.receipts) {
    CO_ASSIGN_OR_RETURN(Receipt receipt, decode<Receipt>(bytes));
    durable.push_back(std::move(receipt));
  }
  co_return durable;
}

Task<Result<HeldBytes>> RemoteHolders::get(NodeId node, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                                           Duration timeout) {
  net::GetChunkRequest request;
  request.id = chunk;
  request.offset = offset;
  request.length = length;
  CO_ASSIGN_OR_RETURN(auto reply,
                      co_await peers_.call<net::GetChunk>(view_.target(node), request, net::CallOptions(timeout)));
  HeldBytes held;
  held.bytes = std::move(reply.payload);
  held.length = reply.response.length;
  held.form = reply.response.form;
  co_return held;
}

Task<Status> RemoteHolders::erase(NodeId node, ChunkId chunk, CopyNumber up_to, Duration timeout) {
  net::EraseChunkRequest request;
  request.id = chunk;
  request.epoch = up_to.epoch;
  request.sequence = up_to.sequence;
  auto reply = co_await peers_.call<net::EraseChunk>(view_.target(node), request, net::CallOptions(timeout));
  if (!reply.ok()) co_return reply.error();
  co_return Status();
}

}  // namespace vortex::node
