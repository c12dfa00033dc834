#include "wal/value_store/space.h"

namespace vortex::wal::values {

Task<Status> Space::refresh() {
  const std::uint64_t before = written_;
  auto space = co_await env_.disk().space(directory_);
  if (!space.ok()) co_return std::move(space).error();
  last_ = *space;
  seen_ = std::max(seen_, before);
  known_ = true;
  co_return Status();
}

bool Space::plenty(std::uint64_t bytes, std::uint64_t stored) const {
  return known_ && unseen() < kRefreshBytes && left() >= options_.reserve_bytes + bytes &&
         !over_capacity(bytes, stored);
}

Task<Status> Space::admit(std::uint64_t bytes, std::uint64_t stored) {
  if (plenty(bytes, stored)) co_return Status();
  if (over_capacity(bytes, stored)) co_return Error(Code::no_space, "the store has reached its capacity");
  CO_RETURN_IF_ERROR(co_await refresh());
  if (left() < options_.reserve_bytes + bytes)
    co_return Error(Code::no_space, "the disk is full but for the reserve that keeps deleting possible");
  co_return Status();
}

}  // namespace vortex::wal::values
