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

Space::Claim Space::try_claim(std::uint64_t bytes, const Catalog& catalog) {
  if (!known_ || unseen() >= kRefreshBytes || !fits(bytes, catalog) || over_capacity(bytes, catalog)) return Claim();
  return Claim(this, bytes);
}

Task<Result<Space::Claim>> Space::claim(std::uint64_t bytes, const Catalog& catalog) {
  if (over_capacity(bytes, catalog)) co_return Error(Code::no_space, "the store has reached its capacity");
  Claim claim = try_claim(bytes, catalog);
  if (claim) co_return std::move(claim);
  CO_RETURN_IF_ERROR(co_await refresh());
  if (!fits(bytes, catalog))
    co_return Error(Code::no_space, "the disk is full but for the reserve that keeps deleting possible");
  if (over_capacity(bytes, catalog)) co_return Error(Code::no_space, "the store has reached its capacity");
  co_return Claim(this, bytes);
}

}  // namespace vortex::wal::values
