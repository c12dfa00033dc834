#include "node/neighbours.h"

#include <algorithm>

#include "dht/partition/key_space.h"

namespace vortex::node {

using dht::groups::NodeState;

NodeState Neighbours::state(const NodeId& node) const {
  dht::Standing standing = directory_.standing(node);
  if (!dht::belongs(standing) || directory_.lost(node)) return NodeState::gone;
  if (directory_.health(node) == dht::Health::dead) return NodeState::away;
  return standing == dht::Standing::draining ? NodeState::draining : NodeState::well;
}

std::vector<NodeId> Neighbours::closest(dht::groups::GroupId group, std::size_t count) const {
  if (known_at_ != directory_.changes()) {
    known_.clear();
    known_at_ = directory_.changes();
  }
  auto known = known_.find(group);
  if (known != known_.end() && known->second.size() >= count)
    return std::vector<NodeId>(known->second.begin(), known->second.begin() + static_cast<std::ptrdiff_t>(count));
  const Id target = dht::partition_id(group, partitions_);
  std::vector<NodeId> nodes;
  for (std::size_t place = 0; place < directory_.size(); ++place) {
    const NodeId& id = directory_.id_at(place);
    NodeState now = state(id);
    if (now == NodeState::well || now == NodeState::away) nodes.push_back(id);
  }
  auto nearer = [&target](const NodeId& a, const NodeId& b) { return closer(target, a, b); };
  std::size_t wanted = std::min(count, nodes.size());
  std::partial_sort(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(wanted), nodes.end(), nearer);
  nodes.resize(wanted);
  known_[group] = nodes;
  return nodes;
}

}  // namespace vortex::node
