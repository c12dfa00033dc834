#include "node/store/holders.h"

namespace vortex::node {

Task<Result<Receipt>> prove(ChunkHolders& holders, NodeId node, ChunkId chunk, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Receipt found, co_await holders.touch(node, chunk, timeout));
  if (!found.checked) co_return Error(Code::permission_denied, "the holder has not compared its copy with the id");
  std::vector<Receipt> staged(1, std::move(found));
  CO_ASSIGN_OR_RETURN(std::vector<Receipt> durable, co_await holders.sync(node, std::move(staged), timeout));
  if (durable.size() != 1) co_return Error(Code::internal, "another number of receipts than was asked for");
  co_return std::move(durable.front());
}

}  // namespace vortex::node
