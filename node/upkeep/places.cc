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

}  // namespace vortex::node
