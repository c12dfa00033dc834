#include <algorithm>
#include <map>
#include <utility>

#include "base/endian.h"
#include "dht/ring/ring.h"

namespace vortex::dht {

namespace {
// Positions spread evenly and the same every time, so that a preview can be repeated.
Id sample_position(std::size_t index) {
  Id id;
  store_be64(id.bytes.data(), (static_cast<std::uint64_t>(index) + 1) * 0x9E3779B97F4A7C15);
  return id;
}

std::vector<NodeId> missing_from(const std::vector<NodeId>& list, const std::vector<NodeId>& other) {
  std::vector<NodeId> missing;
  for (const NodeId& id : list)
    if (std::find(other.begin(), other.end(), id) == other.end()) missing.push_back(id);
  return missing;
}
}  // namespace

RingChange preview(const Ring& before, const Ring& after, std::size_t copies, std::size_t samples) {
  std::map<std::pair<NodeId, NodeId>, std::size_t> counts;
  std::size_t total = 0, moved = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    Id position = sample_position(i);
    std::vector<NodeId> old_owners = before.owners(position, copies), new_owners = after.owners(position, copies);
    std::vector<NodeId> gone = missing_from(old_owners, new_owners), come = missing_from(new_owners, old_owners);
    total += new_owners.size();
    moved += come.size();
    // Where a copy has no one to replace (the cluster was too small for all of them), it comes from the first owner.
    for (std::size_t k = 0; k < come.size() && !old_owners.empty(); ++k)
      ++counts[{k < gone.size() ? gone[k] : old_owners.front(), come[k]}];
  }
  RingChange change;
  if (total == 0) return change;
  auto share = [total](std::size_t count) { return static_cast<double>(count) / static_cast<double>(total); };
  change.moved = share(moved);
  for (const auto& [pair, count] : counts)
    change.moves.push_back(RingChange::Move{pair.first, pair.second, share(count)});
  std::stable_sort(change.moves.begin(), change.moves.end(),
                   [](const RingChange::Move& a, const RingChange::Move& b) { return a.share > b.share; });
  return change;
}

}  // namespace vortex::dht
