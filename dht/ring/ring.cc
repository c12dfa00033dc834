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
// A weight counts to within a thousandth of itself,
constexpr int kScaleBits = 10;
// and a node with less than a 32,768th of the largest counts as if it had so much: draws of 2^38 must not overflow.
constexpr std::uint64_t kScaleMax = std::uint64_t(1) << 25;
// -log2(u) >= (1 - u) / ln 2, since -ln(u) >= 1 - u. A little less than 1 / ln 2, in 2^-16.
constexpr std::uint64_t kBoundFactor = 94'540;
// Nodes are drawn for in so many groups when a first limit is sought; as many copies are quick.
constexpr std::size_t kGroups = 8;
constexpr std::size_t kFirstNodes = 128;
static_assert(kFirstNodes % kGroups == 0);

// No more than the draw's cost, and found without a logarithm.
inline std::uint64_t bound_of(std::uint64_t uniform, std::uint64_t factor) { return (~uniform >> 32) * factor; }
}  // namespace

void Ring::Lanes::add(std::uint64_t seed, std::uint64_t scale) {
  seeds.push_back(seed);
  scales.push_back(scale);
  bounds.push_back((scale * kBoundFactor) >> 16);
}

Ring::Ring(std::vector<RingNode> nodes) : nodes_(std::move(nodes)) {
  std::erase_if(nodes_, [](const RingNode& node) { return node.weight == 0; });
  std::sort(nodes_.begin(), nodes_.end(), [](const RingNode& a, const RingNode& b) { return a.id < b.id; });
  std::uint64_t largest = 1;
  for (const RingNode& node : nodes_) largest = std::max(largest, node.weight);
  std::map<std::string, std::uint32_t> zones;
  for (const RingNode& node : nodes_) {
    auto scale = (static_cast<unsigned __int128>(largest) << kScaleBits) / node.weight;
    lanes_.add(xxh3(node.id.bytes), static_cast<std::uint64_t>(std::min<unsigned __int128>(scale, kScaleMax)));
    zone_.push_back(zones.emplace(node.zone, static_cast<std::uint32_t>(zones.size())).first->second);
  }
  zone_count_ = zones.size();
  if (zone_count_ < 2) return;
  for (std::uint32_t zone = 0; zone < zone_count_; ++zone) {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (zone_[i] != zone) continue;
      zone_lanes_.add(lanes_.seeds[i], lanes_.scales[i]);
      zone_nodes_.push_back(i);
    }
    zone_ends_.push_back(zone_nodes_.size());
  }
}

namespace {
template <class Candidate>
void insert_sorted(const Candidate& candidate, std::size_t count, Candidate* candidates, std::size_t& found) {
  std::size_t place = count - 1;
  if (found < count) {
    place = found++;
  } else if (!(candidate < candidates[place])) {
    return;
  }
  for (; place > 0 && candidate < candidates[place - 1]; --place) candidates[place] = candidates[place - 1];
  candidates[place] = candidate;
}
}  // namespace

// A cost that at least `count` nodes do not exceed, found without one unforeseeable branch: each group of the first
// nodes sends the one with the smallest bound. Few nodes are below it that do not belong to the best.
std::uint64_t Ring::first_limit(const Position& position, std::size_t count, std::uint64_t* bounds,
                                std::size_t nodes) const {
  // The index rides in the lowest bits of its bound.
  constexpr std::uint64_t kIndexMask = kFirstNodes - 1;
  std::array<std::uint64_t, kGroups> smallest;
  smallest.fill(std::numeric_limits<std::uint64_t>::max());
  for (std::size_t i = 0; i < nodes; i += kGroups)
    for (std::size_t group = 0; group < kGroups; ++group) {
      std::size_t node = i + group;
      std::uint64_t bound = bound_of(uniform_draw(lanes_.seeds[node], position), lanes_.bounds[node]);
      bounds[node] = bound;
      smallest[group] = std::min(smallest[group], (bound & ~kIndexMask) | node);
    }
  std::array<std::uint64_t, kGroups> costs;
  for (std::size_t group = 0; group < kGroups; ++group) {
    std::size_t node = smallest[group] & kIndexMask;
    costs[group] = exponential(uniform_draw(lanes_.seeds[node], position)) * lanes_.scales[node];
  }
  std::nth_element(costs.begin(), costs.begin() + static_cast<std::ptrdiff_t>(count - 1), costs.end());
  return costs[count - 1];
}

// The `count` smallest draws, sorted. Most nodes are passed over by their bounds.
std::size_t Ring::best(const Position& position, std::size_t count, Candidate* candidates) const {
  std::size_t found = 0;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  auto take = [&](std::uint64_t uniform, std::uint32_t i) {
    insert_sorted(Candidate{exponential(uniform) * lanes_.scales[i], i}, count, candidates, found);
    if (found == count) limit = std::min(limit, candidates[count - 1].cost);
  };
  std::uint32_t first = 0;
  auto nodes = static_cast<std::uint32_t>(std::min(nodes_.size(), kFirstNodes) / kGroups * kGroups);
  if (count <= kGroups && nodes >= 2 * kGroups) {
    std::array<std::uint64_t, kFirstNodes> bounds;
    limit = first_limit(position, count, bounds.data(), nodes);
    for (; first < nodes; ++first)
      if (bounds[first] <= limit) take(uniform_draw(lanes_.seeds[first], position), first);
  }
  for (std::uint32_t i = first; i < nodes_.size(); ++i) {
    std::uint64_t uniform = uniform_draw(lanes_.seeds[i], position);
    if (bound_of(uniform, lanes_.bounds[i]) <= limit) take(uniform, i);
  }
  return found;
}

// With enough zones only the best of each can be chosen.
std::size_t Ring::best_of_zones(const Position& position, std::size_t count, Candidate* candidates) const {
  std::size_t found = 0, lane = 0;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t end : zone_ends_) {
    Candidate first{limit, std::numeric_limits<std::uint32_t>::max()};
    for (; lane < end; ++lane) {
      std::uint64_t uniform = uniform_draw(zone_lanes_.seeds[lane], position);
      if (bound_of(uniform, zone_lanes_.bounds[lane]) > first.cost) continue;
      Candidate draw{exponential(uniform) * zone_lanes_.scales[lane], zone_nodes_[lane]};
      first = std::min(first, draw);
    }
    if (first.index == std::numeric_limits<std::uint32_t>::max()) continue;
    insert_sorted(first, count, candidates, found);
    if (found == count) limit = candidates[count - 1].cost;
  }
  return found;
}

// With fewer zones than copies: rounds over the draws in their order; in round r a zone may own r copies.
std::size_t Ring::share_zones(const Position& position, std::size_t count, std::span<std::uint32_t> indices) const {
  std::vector<Candidate> draws;
  draws.reserve(nodes_.size());
  for (std::uint32_t i = 0; i < nodes_.size(); ++i)
    draws.push_back(Candidate{exponential(uniform_draw(lanes_.seeds[i], position)) * lanes_.scales[i], i});
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
  Position prepared(position.prefix());
  if (zone_count_ > 1 && count > zone_count_) return share_zones(prepared, count, indices);
  std::array<Candidate, kOwnersMax> candidates;
  std::size_t found =
      zone_count_ > 1 ? best_of_zones(prepared, count, candidates.data()) : best(prepared, count, candidates.data());
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

bool Ring::zones_too_few(std::size_t count) const {
  bool named = zone_count_ > 1 || (zone_count_ == 1 && !nodes_.front().zone.empty());
  return named && zone_count_ < std::min(count, size());
}

}  // namespace vortex::dht
