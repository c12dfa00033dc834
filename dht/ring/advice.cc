#include "dht/ring/advice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/endian.h"

namespace vortex::dht {

namespace {

// A zone whose nodes hold more than so many times of what their capacity would be fair for fills up first.
constexpr double kZoneOverloaded = 1.25;

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), share < 0.0995 ? "%.1f%%" : "%.0f%%", 100 * share);
  return text.data();
}

struct ZoneSum {
  double capacity = 0;  // of all
  double share = 0;
  std::size_t nodes = 0;
};

std::map<std::string, ZoneSum> sum_zones(const Ring& ring, std::size_t copies) {
  std::map<std::string, ZoneSum> zones;
  std::vector<double> share = shares(ring, copies);
  double total = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) total += static_cast<double>(ring.node(i).weight);
  for (std::size_t i = 0; i < ring.size(); ++i) {
    ZoneSum& zone = zones[ring.node(i).zone];
    zone.capacity += static_cast<double>(ring.node(i).weight) / total;
    zone.share += share[i];
    ++zone.nodes;
  }
  return zones;
}

std::vector<RingNode> nodes_of(const Ring& ring) {
  std::vector<RingNode> nodes;
  for (std::size_t i = 0; i < ring.size(); ++i) nodes.push_back(ring.node(i));
  return nodes;
}

// Half of what shares differ by: what one gains another loses. Beyond that nothing needs to move.
double least_moved(const Ring& before, const Ring& after, std::size_t copies) {
  std::map<NodeId, double> change;
  std::vector<double> old_shares = shares(before, copies), new_shares = shares(after, copies);
  for (std::size_t i = 0; i < before.size(); ++i) change[before.node(i).id] -= old_shares[i];
  for (std::size_t i = 0; i < after.size(); ++i) change[after.node(i).id] += new_shares[i];
  double gained = 0;
  for (const auto& [id, difference] : change) gained += std::max(0.0, difference);
  return gained;
}

}  // namespace

std::vector<double> shares(const Ring& ring, std::size_t copies, std::size_t samples) {
  std::vector<double> share(ring.size(), 0);
  if (ring.size() == 0 || copies == 0) return share;
  copies = std::min(copies, kOwnersMax);
  std::array<std::uint32_t, kOwnersMax> owners;
  double each = 1.0 / (static_cast<double>(samples) * static_cast<double>(std::min(copies, ring.size())));
  for (std::size_t i = 0; i < samples; ++i) {
    Id position;
    store_be64(position.bytes.data(), (static_cast<std::uint64_t>(i) + 1) * 0x9E3779B97F4A7C15);
    std::size_t found = ring.owners(position, copies, owners);
    for (std::size_t k = 0; k < found; ++k) share[owners[k]] += each;
  }
  return share;
}

std::vector<std::string> zone_warnings(const Ring& ring, std::size_t copies) {
  std::vector<std::string> warnings;
  if (copies < 2 || (ring.zones() < 2 && !ring.zones_too_few(copies))) return warnings;
  std::map<std::string, ZoneSum> zones = sum_zones(ring, copies);
  if (ring.zones_too_few(copies))
    warnings.push_back(
        std::to_string(copies) + " copies must share a zone: there " +
        (ring.zones() == 1 ? "is only one zone" : "are only " + std::to_string(ring.zones()) + " zones") +
        ". Losing one zone takes more than one copy with it.");
  if (ring.zones() < 2) return warnings;
  if (auto unnamed = zones.find(std::string()); unnamed != zones.end())
    warnings.push_back(std::to_string(unnamed->second.nodes) +
                       (unnamed->second.nodes == 1 ? " node names" : " nodes name") +
                       " no zone though others do; together they are taken for one zone.");
  for (const auto& [name, zone] : zones) {
    if (zone.share < kZoneOverloaded * zone.capacity) continue;
    std::string text =
        "Zone \"" + name + "\" is too small: it must hold " + percent(zone.share) + " of all copies with ";
    warnings.push_back(text + percent(zone.capacity) + " of the capacity, and will be full before the others.");
  }
  return warnings;
}

RingPreview preview_bytes(const Ring& before, const Ring& after, std::size_t copies, std::uint64_t stored,
                          std::size_t samples) {
  RingPreview result;
  RingChange change = preview(before, after, copies, samples);
  auto bytes = [stored](double share) {
    return static_cast<std::uint64_t>(std::llround(share * static_cast<double>(stored)));
  };
  result.share = change.moved;
  result.moved = bytes(change.moved);
  result.ideal = least_moved(before, after, copies);
  for (const RingChange::Move& move : change.moves)
    result.moves.push_back(RingPreview::Move{move.from, move.to, bytes(move.share)});
  std::vector<std::string> now = zone_warnings(before, copies);
  for (std::string& warning : zone_warnings(after, copies))
    if (std::find(now.begin(), now.end(), warning) == now.end()) result.warnings.push_back(std::move(warning));
  return result;
}

Ring with_node(const Ring& ring, RingNode node) {
  std::vector<RingNode> nodes = nodes_of(ring);
  std::erase_if(nodes, [&node](const RingNode& other) { return other.id == node.id; });
  nodes.push_back(std::move(node));
  return Ring(std::move(nodes));
}

Ring without_node(const Ring& ring, const NodeId& id) {
  std::vector<RingNode> nodes = nodes_of(ring);
  std::erase_if(nodes, [&id](const RingNode& other) { return other.id == id; });
  return Ring(std::move(nodes));
}

}  // namespace vortex::dht
