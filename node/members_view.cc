#include "node/members_view.h"

namespace vortex::node {

const dht::Ring& MembersView::ring() {
  if (known_ && ring_at_ == directory_.placement_changes()) return ring_;
  std::vector<dht::RingNode> nodes;
  directory_.for_each([&](const dht::Member& member) {
    if (!dht::takes_data(member.standing) || directory_.lost(member.id)) return;
    dht::RingNode& node = nodes.emplace_back();
    node.id = member.id;
    node.weight = member.capacity;
    node.zone = member.zone;
  });
  ring_ = dht::Ring(std::move(nodes));
  ring_at_ = directory_.placement_changes();
  known_ = true;
  return ring_;
}

net::Target MembersView::target(const NodeId& node) {
  auto member = directory_.find(node);
  return net::Target(node, member ? member->address : Address());
}

}  // namespace vortex::node
