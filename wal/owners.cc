#include "wal/owners.h"

#include <algorithm>

namespace vortex::wal {

Owner* Owners::find(OwnerId id) {
  auto at = owners_.find(id);
  return at == owners_.end() ? nullptr : &at->second;
}

Owner& Owners::find_or_add(OwnerId id, Lsn end) {
  auto [at, added] = owners_.try_emplace(id);
  if (added) {
    at->second.id = id;
    at->second.truncated = end;
  }
  return at->second;
}

void Owners::wrote(Owner& owner, Lsn last) {
  if (!owner.spans.empty() && owner.spans.back().segment == last.segment()) {
    owner.spans.back().last = last;
    return;
  }
  Owner::Span span;
  span.segment = last.segment();
  span.last = last;
  owner.spans.push_back(span);
  needs_.need(span.segment);
}

void Owners::truncate(Owner& owner, Lsn before) {
  if (before <= owner.truncated) return;
  owner.truncated = before;
  auto keep = owner.spans.begin();
  for (; keep != owner.spans.end() && keep->last < before; ++keep) needs_.release(keep->segment);
  owner.spans.erase(owner.spans.begin(), keep);
}

void Owners::forget_if_unused(Owner& owner) {
  if (owner.sequence == 0 && owner.effects == 0 && owner.spans.empty()) owners_.erase(owner.id);
}

std::vector<OwnerState> Owners::table() const {
  std::vector<OwnerState> states;
  states.reserve(owners_.size());
  for (const auto& [id, owner] : owners_) {
    if (owner.sequence == 0) continue;
    OwnerState state;
    state.owner = id;
    state.sequence = owner.sequence;
    state.truncated = owner.truncated;
    states.push_back(state);
  }
  std::sort(states.begin(), states.end(), [](const auto& a, const auto& b) { return a.owner < b.owner; });
  return states;
}

std::vector<Holder> Owners::holders(std::size_t count_max, SegmentId current) const {
  std::vector<Holder> holders;
  for (const auto& [id, owner] : owners_) {
    if (owner.spans.empty()) continue;
    SegmentId first = owner.spans.front().segment;
    Holder holder;
    holder.owner = id;
    holder.oldest = std::max(owner.truncated, Lsn(first, 0));
    holder.segments_held = current - first + 1;
    holders.push_back(holder);
  }
  auto older = [](const Holder& a, const Holder& b) {
    return a.oldest != b.oldest ? a.oldest < b.oldest : a.owner < b.owner;
  };
  std::size_t count = std::min(count_max, holders.size());
  std::partial_sort(holders.begin(), holders.begin() + static_cast<std::ptrdiff_t>(count), holders.end(), older);
  holders.resize(count);
  return holders;
}

}  // namespace vortex::wal
