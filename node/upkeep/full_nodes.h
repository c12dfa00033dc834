// Nodes that have said lately that they have no space: others get what they should have got.
#pragma once

#include <map>
#include <vector>

#include "base/clock.h"
#include "base/id.h"

namespace vortex::node {

class FullNodes {
 public:
  // So long a node is believed to be full; then it is asked again.
  static constexpr Duration kBelieved = std::chrono::minutes(1);

  // It outlives this.
  explicit FullNodes(const Clock& clock) : clock_(clock) {}
  void note(const NodeId& node) {
    changes_ += full(node) ? 0 : 1;
    until_[node] = clock_.now() + kBelieved;
  }
  bool full(const NodeId& node) const {
    auto known = until_.find(node);
    return known != until_.end() && clock_.now() < known->second;
  }
  std::vector<NodeId> all() const {
    std::vector<NodeId> all;
    for (const auto& [node, until] : until_)
      if (clock_.now() < until) all.push_back(node);
    return all;
  }
  // Raised when a node is found to be full, and when it is so no more.
  std::uint64_t changes() const {
    const Instant now = clock_.now();
    changes_ += std::erase_if(until_, [now](const auto& known) { return known.second <= now; });
    return changes_;
  }

 private:
  const Clock& clock_;
  mutable std::map<NodeId, Instant> until_;
  mutable std::uint64_t changes_ = 0;
};

}  // namespace vortex::node
