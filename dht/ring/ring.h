// Where bytes should go: a pure function of who is there, how large they are and where they stand.
//
// Every node draws a number for every position; the smallest draws own it. A draw is exponential with the node's weight
// as its rate, so each node wins exactly its share, a join takes over exactly its share from everybody, and nothing
// else moves. There is no table of points to keep, and no luck in where the points fell.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/id.h"

namespace vortex::dht {

struct Position;

inline constexpr std::size_t kOwnersMax = 32;

struct RingNode {
  NodeId id;
  std::uint64_t weight = 1;  // its capacity; 0 owns nothing
  std::string zone;
};

class Ring {
 public:
  Ring() = default;
  // In any order; ids are distinct.
  explicit Ring(std::vector<RingNode> nodes);

  std::size_t size() const { return nodes_.size(); }
  std::size_t zones() const { return zone_count_; }
  const RingNode& node(std::size_t index) const { return nodes_[index]; }

  // The first `count` owners of the position, best first: in as many zones as there are, then as evenly over the zones
  // as can be. Fewer when there are fewer nodes. Returns how many were written to `indices`.
  std::size_t owners(const Id& position, std::size_t count, std::span<std::uint32_t> indices) const;
  std::vector<NodeId> owners(const Id& position, std::size_t count) const;

  // Would `count` copies have to share a zone though zones are named? Then the operator should hear of it.
  bool zones_too_few(std::size_t count) const;

 private:
  struct Candidate {
    std::uint64_t cost;
    std::uint32_t index;
    bool operator<(const Candidate& other) const {
      return cost != other.cost ? cost < other.cost : index < other.index;
    }
  };
  // What the draws of some nodes need, side by side.
  struct Lanes {
    std::vector<std::uint64_t> seeds;
    std::vector<std::uint64_t> scales;  // what a draw is multiplied by: the largest weight over its own, 2^16 = 1
    std::vector<std::uint64_t> bounds;  // the same for a bound that costs no logarithm
    void add(std::uint64_t seed, std::uint64_t scale);
  };
  std::size_t best(const Position& position, std::size_t count, Candidate* candidates) const;
  std::uint64_t first_limit(const Position& position, std::size_t count, std::uint64_t* bounds,
                            std::size_t nodes) const;
  std::size_t best_of_zones(const Position& position, std::size_t count, Candidate* candidates) const;
  std::size_t share_zones(const Position& position, std::size_t count, std::span<std::uint32_t> indices) const;

  std::vector<RingNode> nodes_;      // sorted by id, so that equal directories make equal rings
  Lanes lanes_;                      // in the order of nodes_
  std::vector<std::uint32_t> zone_;  // of nodes_[i]
  std::size_t zone_count_ = 0;
  // With several zones: the lanes zone by zone, and whose they are.
  Lanes zone_lanes_;
  std::vector<std::uint32_t> zone_nodes_;
  std::vector<std::size_t> zone_ends_;
};

// What a change of the ring would move, found by looking at many positions.
struct RingChange {
  struct Move {
    NodeId from;
    NodeId to;
    double share = 0;  // of all copies
  };
  double moved = 0;         // share of all copies that would change their place
  std::vector<Move> moves;  // largest first
};
RingChange preview(const Ring& before, const Ring& after, std::size_t copies, std::size_t samples = 100'000);

}  // namespace vortex::dht
