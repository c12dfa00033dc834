#include "node/store/stream.h"

#include <algorithm>

namespace vortex::node {

Task<Result<Piece>> MemorySource::read(MutableBytes room) {
  Piece piece;
  piece.bytes = std::min(room.size(), rest_.size());
  std::copy_n(rest_.begin(), piece.bytes, room.begin());
  rest_ = rest_.subspan(piece.bytes);
  co_return piece;
}

Task<Status> MemorySink::write(std::uint64_t, Buffer bytes) {
  bytes_.insert(bytes_.end(), bytes.data(), bytes.data() + bytes.size());
  co_return Status();
}

Task<Status> MemorySink::hole(std::uint64_t, std::uint64_t length) {
  bytes_.resize(bytes_.size() + length);
  co_return Status();
}

}  // namespace vortex::node
