// What rides on heartbeats for the Raft groups of a node. Heartbeats run between nodes; what the groups need of them
// travels along, so that an idle group sends nothing of its own.
#pragma once

#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "dht/raft/types.h"

namespace vortex::dht {

// "In this group I have moved on to this term": said in every acknowledgement to the node that still takes itself for
// the group's leader in an older one, until it has stepped down.
struct GroupTerm {
  raft::GroupId group = 0;
  std::uint32_t group_epoch = 0;
  raft::Term term = 0;
  VORTEX_FIELDS(group, group_epoch, term)
};

class Passengers {
 public:
  virtual ~Passengers() = default;
  // What must go with an acknowledgement to this node. Called when the acknowledgement is made; where not everything
  // that is returned fits into it, it counts for no lease.
  virtual std::vector<GroupTerm> moved_on_from(const NodeId& leader) = 0;
  // What an acknowledgement said. Called before the acknowledgement counts for any lease.
  virtual void hear_moved_on(const NodeId& from, const std::vector<GroupTerm>& groups) = 0;
};

}  // namespace vortex::dht
