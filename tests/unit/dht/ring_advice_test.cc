#include <cmath>
#include <numeric>

#include "base/hash.h"
#include "dht/ring/advice.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

constexpr std::uint64_t kTiB = std::uint64_t(1) << 40;

RingNode node_in(std::size_t number, const std::string& zone, std::uint64_t weight = kTiB) {
  return RingNode{sha256(as_bytes("node" + std::to_string(number))), weight, zone};
}

// So many nodes in each of the zones named.
Ring ring_of(const std::vector<std::pair<std::string, std::size_t>>& zones) {
  std::vector<RingNode> nodes;
  for (const auto& [zone, count] : zones)
    for (std::size_t i = 0; i < count; ++i) nodes.push_back(node_in(nodes.size(), zone));
  return Ring(std::move(nodes));
}

}  // namespace

TEST_CASE("shares add up to one and follow the weights") {
  Ring ring({node_in(1, "", kTiB), node_in(2, "", 2 * kTiB), node_in(3, "", 5 * kTiB)});
  std::vector<double> share = shares(ring, 1);
  EXPECT(std::abs(std::accumulate(share.begin(), share.end(), 0.0) - 1) < 1e-9);
  for (std::size_t i = 0; i < ring.size(); ++i) {
    double fair = static_cast<double>(ring.node(i).weight) / static_cast<double>(8 * kTiB);
    EXPECT(std::abs(share[i] - fair) < 0.02);
  }
  EXPECT(shares(Ring(), 3).empty());
  // More copies than nodes: everybody holds everything.
  for (double part : shares(ring, 5)) EXPECT(std::abs(part - 1.0 / 3) < 1e-9);
}

TEST_CASE("nothing is said about zones while all is well, or none are named") {
  EXPECT(zone_warnings(ring_of({{"", 5}}), 3).empty());
  EXPECT(zone_warnings(ring_of({{"a", 3}, {"b", 3}, {"c", 3}}), 3).empty());
  EXPECT(zone_warnings(ring_of({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}), 3).empty());
  EXPECT(zone_warnings(Ring(), 3).empty());
}

TEST_CASE("copies that must share a zone are warned of") {
  std::vector<std::string> warnings = zone_warnings(ring_of({{"a", 4}, {"b", 4}}), 3);
  REQUIRE_EQ(warnings.size(), 1);
  EXPECT(warnings[0].find("3 copies must share a zone") != std::string::npos);
  EXPECT(zone_warnings(ring_of({{"a", 4}, {"b", 4}}), 2).empty());
}

TEST_CASE("copies that must share the only zone there is are warned of, where it has a name") {
  std::vector<std::string> warnings = zone_warnings(ring_of({{"a", 4}}), 3);
  REQUIRE_EQ(warnings.size(), 1);
  EXPECT(warnings[0].find("3 copies must share a zone: there is only one zone") != std::string::npos);
  EXPECT(zone_warnings(ring_of({{"a", 1}}), 3).empty());
}

TEST_CASE("nodes without a zone among others with one are warned of") {
  std::vector<std::string> warnings = zone_warnings(ring_of({{"a", 3}, {"b", 3}, {"", 3}}), 3);
  REQUIRE_EQ(warnings.size(), 1);
  EXPECT(warnings[0].find("3 nodes name no zone") != std::string::npos);
}

TEST_CASE("a zone that must hold more than it has room for is warned of") {
  // Each of three zones holds a copy of everything; the third has a ninth of the capacity.
  std::vector<std::string> warnings = zone_warnings(ring_of({{"a", 4}, {"b", 4}, {"c", 1}}), 3);
  REQUIRE_EQ(warnings.size(), 1);
  EXPECT(warnings[0].find("Zone \"c\" is too small: it must hold 33%") != std::string::npos);
}

TEST_CASE("a preview says how many bytes would move, from whom to whom") {
  Ring before = ring_of({{"", 9}});
  RingNode joining = node_in(100, "");
  Ring after = with_node(before, joining);
  RingPreview preview = preview_bytes(before, after, 3, 90 * kTiB);
  EXPECT(std::abs(static_cast<double>(preview.moved) / static_cast<double>(kTiB) - 9) < 0.5);
  EXPECT_LE(preview.share, 1.1 * preview.ideal);
  REQUIRE_EQ(preview.moves.size(), 9);
  std::uint64_t sum = 0;
  for (const RingPreview::Move& move : preview.moves) {
    EXPECT_EQ(move.to, joining.id);
    sum += move.bytes;
  }
  EXPECT(std::abs(static_cast<double>(sum) - static_cast<double>(preview.moved)) < 100);
  // And back again: the same bytes.
  RingPreview back = preview_bytes(after, without_node(after, joining.id), 3, 90 * kTiB);
  EXPECT(std::abs(static_cast<double>(back.moved) - static_cast<double>(preview.moved)) < 1000);
  for (const RingPreview::Move& move : back.moves) EXPECT_EQ(move.from, joining.id);
}

TEST_CASE("a preview warns of what a change would make worse, and of nothing else") {
  Ring three = ring_of({{"a", 3}, {"b", 3}, {"c", 1}});
  NodeId last;
  for (std::size_t i = 0; i < three.size(); ++i)
    if (three.node(i).zone == "c") last = three.node(i).id;
  RingPreview worse = preview_bytes(three, without_node(three, last), 3, kTiB);
  REQUIRE_EQ(worse.warnings.size(), 1);
  EXPECT(worse.warnings[0].find("must share a zone") != std::string::npos);
  EXPECT(preview_bytes(three, three, 3, kTiB).warnings.empty());
  EXPECT_EQ(preview_bytes(three, three, 3, kTiB).moved, 0);
}

TEST_CASE("a node that grows takes from everybody and moves nothing else") {
  Ring before = ring_of({{"", 10}});
  RingNode grown = before.node(0);
  grown.weight *= 2;
  RingPreview preview = preview_bytes(before, with_node(before, grown), 3, kTiB);
  EXPECT_GT(preview.moved, 0);
  for (const RingPreview::Move& move : preview.moves) EXPECT_EQ(move.to, grown.id);
}
