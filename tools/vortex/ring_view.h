// `vortex ring`: the ring drawn in the terminal, with everybody's share, zone and weight. What it shows is given to it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dht/ring/advice.h"

namespace vortex {

struct RingNodeView {
  NodeId id;
  std::string address;
  std::string zone;
  std::uint64_t weight = 0;  // its capacity; 0 where no data is placed on it
  std::uint64_t used = 0;
  bool alive = true;
};

struct RingView {
  std::vector<RingNodeView> nodes;
  std::size_t copies = 3;
  std::uint64_t stored = 0;  // bytes of all copies
};

struct RingStyle {
  std::size_t rows = 17;       // height of the drawing
  std::size_t nodes_max = 40;  // lines of the table; the rest is counted
  bool color = false;
};

dht::Ring ring_of(const RingView& view);

// The circle: each node an arc of its letter as long as its share, nodes of a zone side by side. Then a line a node,
// then the zones, then what is wrong.
std::string ring_text(const RingView& view, const RingStyle& style);
// copies, stored, nodes[]{id, address, zone, weight, used, alive, share}, zones[]{zone, nodes, capacity, share},
// warnings[].
nlohmann::json ring_json(const RingView& view);

// What a change would move: "if this node joined". `before` names the nodes; a joining one is "the new node".
std::string preview_text(const dht::RingPreview& preview, const RingView& before, std::size_t moves_max = 20);
// moved, share, ideal, moves[]{from, to, bytes}, warnings[].
nlohmann::json preview_json(const dht::RingPreview& preview);

}  // namespace vortex
