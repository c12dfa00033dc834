#include "dht/ring/ring.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "dht/ring/draw.h"

namespace vortex::dht {

namespace {
constexpr int kScaleBits = 16;
// A node so small that its draws would overflow owns practically nothing anyway.
constexpr std::uint64_t kScaleMax = std::uint64_t(1) << 25;
}  // namespace

Ring::Ring(std::vector<RingNode> nodes) : nodes_(std::move(nodes)) {
  std::erase_if(nodes_, [](const RingNode& node) { return node.weight == 0; });
  std::sort(nodes_.begin(), nodes_.end(), [](const RingNode& a, const RingNode& b) { return a.id < b.id; });
  std::uint64_t largest = 1;
  for (const RingNode& node : nodes_) largest = std::max(largest, node.weight);
  std::map<std::string, std::uint32_t> zones;
  for (const RingNode& node : nodes_) {
    seeds_.push_back(xxh3(node.id.bytes));
    auto scale = (static_cast<unsigned __int128>(largest) << kScaleBits) / node.weight;
    scale_.push_back(static_cast<std::uint64_t>(std::min<unsigned __int128>(scale, kScaleMax)));
    zone_.push_back(zones.emplace(node.zone, static_cast<std::uint32_t>(zones.size())).first->second);
  }
  zone_count_ = zones.size();
}

// The `count` smallest draws, sorted. Most nodes are passed over by a bound that costs no logarithm:
// -log2(u) ≥ 1 - u, since it is convex, 0 at 1 and 1 at 1/2, and steeper before.
std::size_t Ring::best(const Position& position, std::size_t count, Candidate* candidates) const {
  std::size_t found = 0;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  for (std::uint32_t i = 0; i < seeds_.size(); ++i) {
    std::uint64_t uniform = uniform_draw(seeds_[i], position);
    std::uint64_t bound = ~uniform >> 32;
    if (bound * scale_[i] >= limit) continue;
    Candidate candidate{exponential(uniform) * scale_[i], i};
    std::size_t place = count - 1;
    if (found < count) {
      place = found++;
    } else if (!(candidate < candidates[place])) {
      continue;
    }
    for (; place > 0 && candidate < candidates[place - 1]; --place) candidates[place] = candidates[place - 1];
    candidates[place] = candidate;
    if (found == count) limit = candidates[count - 1].cost;
  }
  return found;
}

// With several zones: rounds over the draws in their order; in round r a zone may own r copies.
std::size_t Ring::best_by_zone(const Position& position, std::size_t count, std::span<std::uint32_t> indices) const {
  std::vector<Candidate> draws;
  draws.reserve(seeds_.size());
  for (std::uint32_t i = 0; i < seeds_.size(); ++i)
    draws.push_back(Candidate{exponential(uniform_draw(seeds_[i], position)) * scale_[i], i});
  if (count <= zone_count_) {
    // Only the best of each zone can be chosen.
    std::vector<Candidate> first(zone_count_, Candidate{~std::uint64_t(0), 0});
    for (const Candidate& draw : draws) first[zone_[draw.index]] = std::min(first[zone_[draw.index]], draw);
    std::partial_sort(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(count), first.end());
    for (std::size_t i = 0; i < count; ++i) indices[i] = first[i].index;
    return count;
  }
  std::sort(draws.begin(), draws.end());
  std::vector<std::size_t> used(zone_count_, 0);
  std::size_t found = 0;
  for (std::size_t round = 1; found < count && !draws.empty(); ++round) {
    auto taken = [&](const Candidate& draw) {
      std::size_t& zone = used[zone_[draw.index]];
      if (found == count || zone == round) return false;
      ++zone;
      indices[found++] = draw.index;
      return true;
    };
    draws.erase(std::remove_if(draws.begin(), draws.end(), taken), draws.end());
  }
  return found;
}

std::size_t Ring::owners(const Id& position, std::size_t count, std::span<std::uint32_t> indices) const {
  CHECK(count <= kOwnersMax && count <= indices.size());
  count = std::min(count, nodes_.size());
  if (count == 0) return 0;
  if (zone_count_ > 1) return best_by_zone(Position(position.prefix()), count, indices);
  std::array<Candidate, kOwnersMax> candidates;
  std::size_t found = best(Position(position.prefix()), count, candidates.data());
  for (std::size_t i = 0; i < found; ++i) indices[i] = candidates[i].index;
  return found;
}

std::vector<NodeId> Ring::owners(const Id& position, std::size_t count) const {
  std::array<std::uint32_t, kOwnersMax> indices;
  std::size_t found = owners(position, count, indices);
  std::vector<NodeId> ids;
  for (std::size_t i = 0; i < found; ++i) ids.push_back(nodes_[indices[i]].id);
  return ids;
}

bool Ring::zones_too_few(std::size_t count) const { return zone_count_ > 1 && zone_count_ < std::min(count, size()); }

}  // namespace vortex::dht
