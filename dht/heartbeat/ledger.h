// What heartbeats have told of other nodes, as Raft groups ask for it. Pure bookkeeping: no clock, no network.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "dht/raft/heartbeats.h"

namespace vortex::dht {

class Ledger final : public raft::Heartbeats {
 public:
  Instant heard(const NodeId& node) const override;
  std::uint64_t boot_epoch(const NodeId& node) const override;
  Instant acknowledged(const NodeId& node) const override;
  Instant promised_until(const NodeId& node) const override;

  // Anything of the node's heartbeats arrived, said in this boot epoch. False when it is of an older life than one that
  // was heard: then it counts for nothing.
  bool hear(const NodeId& node, std::uint64_t boot_epoch, Instant now);
  // It acknowledged the heartbeat sent at `sent`, in this boot epoch. What rode along was handed on before.
  void acknowledge(const NodeId& node, std::uint64_t boot_epoch, Instant sent);
  // By acknowledging a heartbeat of the node. A promise is never shortened, whatever life it was made to.
  void promise(const NodeId& node, Instant until);

  // Forgets nodes that nothing was heard of since `before` and to which no promise holds at `now`.
  void forget_silent(Instant before, Instant now);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Instant heard{};
    std::uint64_t boot_epoch = 0;
    Instant acknowledged{};
    Instant promised_until{};
  };
  const Entry& entry(const NodeId& node) const;
  std::unordered_map<NodeId, Entry> entries_;  // looked up, never walked where order matters
};

}  // namespace vortex::dht
