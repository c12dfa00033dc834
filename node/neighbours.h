// Which nodes are nearest to a partition, and how they are, by the member directory.
#pragma once

#include <map>

#include "dht/groups/manager.h"
#include "dht/members/directory.h"

namespace vortex::node {

class Neighbours final : public dht::groups::Neighbourhood {
 public:
  Neighbours(const dht::Directory& directory, std::uint32_t partitions)
      : directory_(directory), partitions_(partitions) {}

  std::vector<NodeId> closest(dht::groups::GroupId group, std::size_t count) const override;
  dht::groups::NodeState state(const NodeId& node) const override;

 private:
  const dht::Directory& directory_;
  const std::uint32_t partitions_;
  // Answers given before, as long as the directory stays as it was.
  mutable std::map<dht::groups::GroupId, std::vector<NodeId>> known_;
  mutable std::uint64_t known_at_ = 0;
};

}  // namespace vortex::node
