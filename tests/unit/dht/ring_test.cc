#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "base/hash.h"
#include "dht/ring/draw.h"
#include "dht/ring/ring.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {
Id numbered(const std::string& kind, std::size_t i) { return sha256(as_bytes(kind + std::to_string(i))); }

std::vector<RingNode> equal_nodes(std::size_t count) {
  std::vector<RingNode> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back(RingNode{numbered("node", i), 1'000'000, ""});
  return nodes;
}

std::map<NodeId, double> shares(const Ring& ring, std::size_t copies, std::size_t samples) {
  std::map<NodeId, double> share;
  for (std::size_t i = 0; i < samples; ++i)
    for (const NodeId& id : ring.owners(numbered("chunk", i), copies))
      share[id] += 1.0 / static_cast<double>(samples * copies);
  return share;
}
}  // namespace

TEST_CASE("a draw is an exponential one, to within the table's precision") {
  for (int i = 1; i < 100000; ++i) {
    double u = i / 100000.0;
    auto bits = static_cast<std::uint64_t>(u * 0x1p64);
    double drawn = static_cast<double>(exponential(bits)) * 0x1p-32;
    REQUIRE(std::abs(drawn + std::log2(u)) < 1e-5);
  }
  EXPECT_EQ(exponential(~std::uint64_t(0)) > 0, true);
  EXPECT_EQ(exponential(0), exponential(1));
}

TEST_CASE("with 100 equal nodes the fullest holds at most 1.10 times the mean") {
  std::map<NodeId, double> share = shares(Ring(equal_nodes(100)), 3, 100'000);
  REQUIRE_EQ(share.size(), 100);
  for (const auto& [id, part] : share) EXPECT_LE(part, 1.10 / 100);
}

TEST_CASE("the owners of a position are the same whatever the order in which nodes were named") {
  std::vector<RingNode> nodes = equal_nodes(50), reversed = nodes;
  std::reverse(reversed.begin(), reversed.end());
  Ring a(nodes), b(reversed);
  for (std::size_t i = 0; i < 1000; ++i) {
    std::vector<NodeId> owners = a.owners(numbered("chunk", i), 5);
    EXPECT_EQ(owners, b.owners(numbered("chunk", i), 5));
    EXPECT_EQ(std::set<NodeId>(owners.begin(), owners.end()).size(), 5);
  }
}

TEST_CASE("a join moves its own share and nothing else") {
  std::vector<RingNode> nodes = equal_nodes(100);
  Ring before(nodes);
  nodes.push_back(RingNode{numbered("node", 1000), 1'000'000, ""});
  Ring after(nodes);
  RingChange change = preview(before, after, 3);
  EXPECT_LE(change.moved, 1.1 / 101);
  EXPECT_GE(change.moved, 0.9 / 101);
  for (const RingChange::Move& move : change.moves) EXPECT_EQ(move.to, numbered("node", 1000));
}

TEST_CASE("weights are honoured within 10%, small and large ones") {
  std::vector<RingNode> nodes;
  double total = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    std::uint64_t weight = (i % 4 + 1) * 500'000'000'000;
    total += static_cast<double>(weight);
    nodes.push_back(RingNode{numbered("node", i), weight, ""});
  }
  std::map<NodeId, double> share = shares(Ring(nodes), 3, 300'000);
  for (const RingNode& node : nodes) {
    double ideal = static_cast<double>(node.weight) / total;
    EXPECT_LE(share[node.id], ideal * 1.1);
    EXPECT_GE(share[node.id], ideal * 0.9);
  }
}

TEST_CASE("a small machine beside very large ones owns no more than its share") {
  std::vector<RingNode> nodes;
  for (std::size_t i = 0; i < 3; ++i) nodes.push_back(RingNode{numbered("node", i), std::uint64_t(10) << 40, ""});
  for (std::size_t i = 3; i < 103; ++i) nodes.push_back(RingNode{numbered("node", i), std::uint64_t(4) << 30, ""});
  double small = 0;
  std::map<NodeId, double> share = shares(Ring(nodes), 1, 300'000);
  for (std::size_t i = 3; i < 103; ++i) small += share[nodes[i].id];
  double ideal = 400.0 / (3 * 10'240 + 400);
  EXPECT_LE(small, ideal * 1.1);
  EXPECT_GE(small, ideal * 0.9);
}

TEST_CASE("a node without capacity owns nothing, and an empty ring has no owners") {
  std::vector<RingNode> nodes = equal_nodes(5);
  nodes[2].weight = 0;
  for (const auto& [id, part] : shares(Ring(nodes), 3, 1000)) EXPECT_NE(id, nodes[2].id);
  EXPECT(Ring().owners(numbered("chunk", 1), 3).empty());
  EXPECT_EQ(Ring(equal_nodes(2)).owners(numbered("chunk", 1), 3).size(), 2);
}

TEST_CASE("copies never share a zone while there are enough, and share evenly when there are not") {
  for (std::size_t zones : {1, 2, 3, 5}) {
    std::vector<RingNode> nodes = equal_nodes(40);
    for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].zone = "rack" + std::to_string(i % zones);
    Ring ring(nodes);
    EXPECT_EQ(ring.zones_too_few(3), zones <= 2);
    for (std::size_t i = 0; i < 2000; ++i) {
      std::map<std::string, std::size_t> used;
      for (const NodeId& id : ring.owners(numbered("chunk", i), 4)) {
        auto node = std::find_if(nodes.begin(), nodes.end(), [&id](const RingNode& n) { return n.id == id; });
        ++used[node->zone];
      }
      EXPECT_EQ(used.size(), std::min<std::size_t>(zones, 4));
      for (const auto& [zone, count] : used) EXPECT_LE(count, (4 + zones - 1) / zones);
    }
  }
}

TEST_CASE("finding owners among 100 nodes is cheap") {
  Ring ring(equal_nodes(100));
  std::array<std::uint32_t, 3> owners;
  Id position = numbered("chunk", 1);
  auto start = std::chrono::steady_clock::now();
  std::uint64_t sum = 0;
  constexpr int kRounds = 200'000;
  for (int i = 0; i < kRounds; ++i) {
    position.bytes[0] = static_cast<std::uint8_t>(i);
    position.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    ring.owners(position, 3, owners);
    sum += owners[0];
  }
  double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  DOCTEST_MESSAGE("owners() a second: ", static_cast<long>(kRounds / took), " ", sum % 2);
  EXPECT_GT(kRounds / took, 50'000);  // far below what an optimised build does, so that sanitizers pass too
}
