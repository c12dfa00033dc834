#include "node/upkeep/places.h"

#include <algorithm>

namespace vortex::node {

std::vector<NodeId> MemberPlaces::owners(const ChunkId& chunk, std::size_t count) {
  return view_.ring().owners(chunk, std::min(count, dht::kOwnersMax));
}

HolderHealth MemberPlaces::health(const NodeId& node) const {
  // Who is not known here is taken for one that this node has yet to hear of, not for one that is gone.
  if (!directory_.knows(node)) return HolderHealth::away;
  if (!dht::belongs(directory_.standing(node))) return HolderHealth::gone;
  if (directory_.lost(node)) return HolderHealth::lost;
  return directory_.health(node) == dht::Health::dead ? HolderHealth::away : HolderHealth::well;
}

std::size_t MemberPlaces::silent() const {
  std::size_t silent = 0;
  for (std::size_t place = 0; place < directory_.size(); ++place)
    if (dht::belongs(directory_.standing_at(place)) && directory_.health_at(place) == dht::Health::dead) ++silent;
  return silent;
}

// Of all that members tell of themselves (new lives, doubts, addresses) only death matters to what they hold.
std::uint64_t MemberPlaces::changes() const {
  bool placed_anew = placed_ != directory_.placement_changes();
  if (!placed_anew && heard_ == directory_.changes()) return changes_;
  heard_ = directory_.changes();
  placed_ = directory_.placement_changes();
  std::vector<bool> dead(directory_.size());
  for (std::size_t place = 0; place < dead.size(); ++place)
    dead[place] = directory_.health_at(place) == dht::Health::dead;
  if (placed_anew || dead != dead_) ++changes_;
  dead_ = std::move(dead);
  return changes_;
}

}  // namespace vortex::node
