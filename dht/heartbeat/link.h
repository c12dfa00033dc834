// What this node keeps of one other node that it exchanges heartbeats with.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "dht/heartbeat/gossip.h"
#include "dht/heartbeat/heartbeats.h"

namespace vortex::dht {

inline constexpr std::size_t kHeartbeatLinksMax = 4096;

// One heartbeat under way.
class Heartbeats::Beat final : public net::TypedCall<net::Heartbeat> {
 public:
  Beat(Heartbeats& owner, Link& link) : owner_(owner), link_(link) {}
  void done(Result<net::Reply<net::Heartbeat>> result) override { owner_.answered(*this, std::move(result)); }

  Link& link() { return link_; }
  std::uint64_t boot_epoch = 0;  // of the peer, on this connection
  Instant sent;

 private:
  Heartbeats& owner_;
  Link& link_;
};

struct Heartbeats::Link {
  Link(const NodeId& node, Instant now) : id(node), watch(now), last_exchange(now) {}

  const NodeId id;
  bool watched = false;  // the topology names it, or it is a partner
  bool partner = false;
  bool random = false;  // chosen to mix, not to be watched closely
  bool connecting = false;
  Watch watch;
  Gossip gossip;
  Instant next_beat;
  Instant last_beat;
  Instant last_exchange;  // anything heard of it
  Instant connect_after;  // a failed attempt is not repeated before
  Instant differs_since;  // the directories, with nothing new on either side; zero: they do not
  std::size_t round = 0;  // of questions to others
  bool withheld = false;  // the suspicion was told to nobody, since this node reached nobody
  // Others say this of it in this life, and we hear it: it is told, so that it can refute it.
  Health said = Health::alive;
  Life said_of;
  std::vector<std::unique_ptr<Beat>> beats;  // at most kBeatsMax; those that are not attached are used again

  static constexpr std::size_t kBeatsMax = 4;
};

}  // namespace vortex::dht
