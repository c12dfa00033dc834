// How long records have been as they are. No clock's reading is believed for it, neither this node's nor the one in a
// record: versions only grow, so what has a version that was there some time ago has not changed since.
#pragma once

#include <vector>

#include "base/time.h"
#include "dht/records.h"

namespace vortex::node {

class Ages {
 public:
  // Everything up to this version was there at this moment. Moments come in order.
  void saw(Instant now, dht::Version version);
  // What has a version up to this one has not changed for so long; how long is told by steady time and not more than a
  // sixteenth of it too late. 0 while nothing was seen for so long.
  dht::Version unchanged_for(Duration age, Instant now) const;
  std::size_t size() const { return seen_.size(); }

 private:
  struct Seen {
    Instant at{};
    dht::Version version = 0;
  };
  std::vector<Seen> seen_;  // both ascend; the further back, the further apart
};

}  // namespace vortex::node
