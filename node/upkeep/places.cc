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

MemberPlaces::Dead MemberPlaces::dead() const {
  look();
  Dead dead;
  const Instant now = clock_.now();
  for (std::size_t place = 0; place < dead_since_.size(); ++place) {
    if (!dead_since_[place] || !dht::belongs(directory_.standing_at(place))) continue;
    ++(now - *dead_since_[place] < kRecentDeath ? dead.recent : dead.long_since);
  }
  return dead;
}

std::size_t MemberPlaces::members() const { return directory_.belonging() - dead().long_since; }
std::size_t MemberPlaces::silent() const { return dead().recent; }

// Of all that members tell of themselves (new lives, doubts, addresses) only death matters to what they hold.
void MemberPlaces::look() const {
  bool news = placed_ != directory_.placement_changes();
  if (!news && heard_ == directory_.changes()) return;
  heard_ = directory_.changes();
  placed_ = directory_.placement_changes();
  dead_since_.resize(directory_.size());
  for (std::size_t place = 0; place < dead_since_.size(); ++place) {
    bool dead = directory_.health_at(place) == dht::Health::dead;
    if (dead == dead_since_[place].has_value()) continue;
    news = true;
    dead_since_[place].reset();
    if (dead) dead_since_[place] = clock_.now();
  }
  if (news) ++changes_;
}

std::uint64_t MemberPlaces::changes() const {
  look();
  return changes_ + full_.changes();
}

}  // namespace vortex::node
