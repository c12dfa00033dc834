// The cluster as a member sees it, for moving chunks: the ring and where everybody is.
#pragma once

#include "dht/joining/membership.h"
#include "node/client/remote_holders.h"

namespace vortex::node {

class MembersView final : public ClusterView {
 public:
  explicit MembersView(const dht::Directory& directory) : directory_(directory) {}

  const dht::Ring& ring() override;
  net::Target target(const NodeId& node) override;
  bool dead(const NodeId& node) override { return directory_.health(node) == dht::Health::dead; }
  // Members on which data may be placed.
  std::size_t places() { return ring().size(); }

 private:
  const dht::Directory& directory_;
  dht::Ring ring_;  // as of that change of the directory
  std::uint64_t ring_at_ = 0;
  bool known_ = false;
};

}  // namespace vortex::node
