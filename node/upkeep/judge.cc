#include "node/upkeep/judge.h"

#include <algorithm>

namespace vortex::node {

namespace {

// Owners that may stand in for those that are away when a chunk is endangered.
constexpr std::size_t kSubstitutes = 4;
// Copies that an endangered chunk gets at once, without waiting for nodes to come back.
constexpr std::size_t kSafeCopies = 2;

bool among(const std::vector<NodeId>& nodes, const NodeId& node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

ChunkNeed judge(const ChunkId& chunk, const ChunkRecord& record, Places& places) {
  ChunkNeed need;
  // Shards are no copies of each other: none can take the place of another.
  if (record.code.coded()) return need;
  need.wanted = std::min<std::size_t>(record.replicas, places.size());
  std::vector<NodeId> owners = places.owners(chunk, need.wanted + kSubstitutes);
  // Who has no space is no owner of what it does not have yet.
  auto cannot = [&](const NodeId& node) { return places.full(node) && holder_of(record, node) == nullptr; };
  std::erase_if(owners, cannot);
  std::vector<NodeId> substitutes(owners.begin() + static_cast<std::ptrdiff_t>(std::min(need.wanted, owners.size())),
                                  owners.end());
  owners.resize(std::min(need.wanted, owners.size()));
  std::size_t held = 0;
  bool waiting = false;
  for (const Holder& holder : record.holders) {
    HolderHealth health = places.health(holder.node);
    if (health == HolderHealth::well) need.good.push_back(holder.node);
    if (health == HolderHealth::gone) need.forget.push_back(holder.node);
    if (health != HolderHealth::gone) ++held;
    if (health == HolderHealth::away) waiting = true;
  }
  for (const Drop& drop : record.drops)
    if (places.health(drop.node) == HolderHealth::gone && !among(need.forget, drop.node))
      need.forget.push_back(drop.node);
  need.lost = held == 0;
  need.endangered = need.good.size() < std::min(kSafeCopies, need.wanted);

  std::size_t in_place = 0;
  for (const NodeId& owner : owners) {
    if (among(need.good, owner)) {
      ++in_place;
    } else if (places.health(owner) == HolderHealth::well) {
      need.add.push_back(owner);
    }
  }
  for (const NodeId& node : substitutes) {
    if (!need.endangered || need.good.size() + need.add.size() >= kSafeCopies) break;
    if (!among(need.good, node) && places.health(node) == HolderHealth::well) need.add.push_back(node);
  }
  // Without anybody to copy from there is nothing to do but wait.
  if (need.good.empty()) need.add.clear();
  // While a holder may be on its way back nothing goes.
  bool complete = in_place >= need.wanted && need.wanted > 0 && !waiting;
  for (const NodeId& node : need.good) {
    if (among(owners, node)) continue;
    need.misplaced = true;
    if (complete) need.drop.push_back(node);
  }
  need.misplaced = !need.under() && (need.misplaced || !need.add.empty());
  return need;
}

}  // namespace vortex::node
