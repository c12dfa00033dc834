// What Raft groups know of other nodes. Heartbeats run between nodes, not between groups, so an idle group sends
// nothing; whoever runs them answers these questions for all groups of this node.
#pragma once

#include <cstdint>

#include "base/id.h"
#include "base/time.h"

namespace vortex::dht::raft {

class Heartbeats {
 public:
  virtual ~Heartbeats() = default;

  // When the latest heartbeat of `node` arrived here; long ago when none did.
  virtual Instant heard(const NodeId& node) const = 0;
  // The boot epoch `node` had then; 0 when it is not known.
  virtual std::uint64_t boot_epoch(const NodeId& node) const = 0;
  // When the newest of our heartbeats that `node` has acknowledged (in its present boot epoch) was SENT. Before an
  // acknowledgement counts here, whatever it says of groups in which `node` has moved on was given to those groups.
  virtual Instant acknowledged(const NodeId& node) const = 0;
  // Until when we have promised `node`, by acknowledging its heartbeats, not to vote against it where it leads.
  virtual Instant promised_until(const NodeId& node) const = 0;
};

}  // namespace vortex::dht::raft
