// What a leader should do next about the members of its group. A pure function of what it knows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "dht/raft/configuration.h"

namespace vortex::dht::groups {

// What the cluster thinks of a node.
enum class NodeState : std::uint8_t {
  well,      // alive and active
  away,      // not alive at the moment: it is waited for
  draining,  // alive, and to be emptied
  gone,      // not a place for data any more: left, evicted, or dead for so long that it is replaced
};

struct GroupFacts {
  raft::Configuration configuration;  // decided, not joint
  raft::Replica self;                 // who leads
  std::vector<NodeId> wanted;         // the closest nodes that may hold the group, nearest first
  std::vector<raft::Replica> lost;    // members that hold nothing any more
  std::function<NodeState(const NodeId&)> state;
  // The member's log is close behind ours.
  std::function<bool(const raft::Replica&)> caught_up;
};

struct Step {
  enum class Kind : std::uint8_t { nothing, add_learner, change, transfer };
  Kind kind = Kind::nothing;
  NodeId node;                 // add_learner, transfer
  raft::Configuration target;  // change
};

// One step towards: the wanted nodes and no others are members; the greatest odd number of them have a vote, the rest
// are learners. Nobody gets a vote before its log is close behind, no vote is taken away before another can take its
// place (unless there is none, or its holder has lost everything), and nobody who leads is voted out while another can
// lead.
Step next_step(const GroupFacts& facts);

}  // namespace vortex::dht::groups
