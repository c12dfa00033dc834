#include "node/member_holders.h"

namespace vortex::node {

Task<Result<Receipt>> MemberHolders::put(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored,
                                         Duration timeout) {
  if (node != self_) co_return co_await others_.put(node, chunk, form, std::move(stored), timeout);
  bool existed = false;
  co_return co_await service_.put(chunk, std::move(stored), form, existed);
}

Task<Result<Receipt>> MemberHolders::touch(NodeId node, ChunkId chunk, Duration timeout) {
  if (node != self_) co_return co_await others_.touch(node, chunk, timeout);
  co_return co_await service_.touch(chunk);
}

Task<Result<std::vector<Receipt>>> MemberHolders::sync(NodeId node, std::vector<Receipt> staged, Duration timeout) {
  if (node != self_) co_return co_await others_.sync(node, std::move(staged), timeout);
  co_return co_await service_.sync(std::move(staged));
}

Task<Result<HeldBytes>> MemberHolders::get(NodeId node, ChunkId chunk, std::uint64_t offset, std::uint64_t length,
                                           Duration timeout) {
  if (node != self_) co_return co_await others_.get(node, chunk, offset, length, timeout);
  CO_ASSIGN_OR_RETURN(Chunk value, co_await store_.get(chunk, offset, length));
  HeldBytes held;
  held.bytes = std::move(value.bytes);
  held.length = value.length;
  held.form = value.form;
  co_return held;
}

Task<Status> MemberHolders::erase(NodeId node, ChunkId chunk, CopyNumber up_to, Duration timeout) {
  if (node != self_) co_return co_await others_.erase(node, chunk, up_to, timeout);
  auto erased = co_await store_.erase(chunk, up_to);
  if (!erased.ok()) co_return erased.error();
  co_return Status();
}

}  // namespace vortex::node
