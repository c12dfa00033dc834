// What a ring means for the operator: who gets which share, what a change would move, and what is wrong with the zones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dht/ring/ring.h"

namespace vortex::dht {

// The share of all copies that each node of the ring would hold, in the ring's order; they add up to 1. Found by
// looking at many positions; the same every time.
std::vector<double> shares(const Ring& ring, std::size_t copies, std::size_t samples = 20'000);

// What the operator should hear, loudly, in full sentences: copies must share a zone; some nodes name no zone though
// others do; a zone is so small that it is full long before the others. Empty when all is well.
std::vector<std::string> zone_warnings(const Ring& ring, std::size_t copies);

// A change of the ring, in bytes. `stored` is what all copies together take now.
struct RingPreview {
  struct Move {
    NodeId from;
    NodeId to;
    std::uint64_t bytes = 0;
  };
  std::uint64_t moved = 0;
  double share = 0;  // of everything stored
  // The least that any change to these nodes could move, whatever the rule: what nodes gain or lose in their fair
  // share.
  double ideal = 0;
  std::vector<Move> moves;            // largest first
  std::vector<std::string> warnings;  // of zone_warnings afterwards, where they are not so now
};
RingPreview preview_bytes(const Ring& before, const Ring& after, std::size_t copies, std::uint64_t stored,
                          std::size_t samples = 50'000);

// "If this node joined": the ring with it (in place of the node of the same id, where there is one), or without a node.
Ring with_node(const Ring& ring, RingNode node);
Ring without_node(const Ring& ring, const NodeId& id);

}  // namespace vortex::dht
