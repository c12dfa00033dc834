#include "node/upkeep/ages.h"

#include <algorithm>
#include <limits>

namespace vortex::node {

namespace {
constexpr int kPrecision = 16;
// Nobody asks for more.
constexpr Duration kAgeMax = std::chrono::hours(24 * 8);
}  // namespace

void Ages::saw(Instant now, dht::Version version) {
  // Of another history nothing is known.
  if (!seen_.empty() && seen_.back().version > version) seen_.clear();
  if (!seen_.empty() && seen_.back().version == version) return;
  std::vector<Seen> kept;
  kept.reserve(seen_.size() + 1);
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    // One goes when its neighbours are close enough to each other, or when a later one is as old as anybody asks for.
    const bool last = i + 1 == seen_.size();
    const Instant next = last ? now : seen_[i + 1].at;
    bool between = !last && !kept.empty() && (next - kept.back().at) * kPrecision <= now - next;
    bool ancient = !last && now - next >= kAgeMax;
    if (!between && !ancient) kept.push_back(seen_[i]);
  }
  Seen fresh;
  fresh.at = now;
  fresh.version = version;
  kept.push_back(fresh);
  seen_ = std::move(kept);
}

dht::Version Ages::unchanged_for(Duration age, Instant now) const {
  if (age <= Duration(0)) return std::numeric_limits<dht::Version>::max();
  auto later = std::ranges::upper_bound(seen_, now - age, {}, &Seen::at);
  return later == seen_.begin() ? 0 : std::prev(later)->version;
}

}  // namespace vortex::node
