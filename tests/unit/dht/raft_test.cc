#include <cstdlib>
#include <string>

#include "tests/unit/dht/raft_cluster.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht::raft;
using namespace vortex::dht::raft::test;

namespace {
std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  return text;
}

// VORTEX_RAFT_SEEDS=A..B runs those instead of the few that a quick test can afford.
std::pair<std::uint64_t, std::uint64_t> seeds() {
  const char* range = std::getenv("VORTEX_RAFT_SEEDS");
  if (!range) return {1, 60};
  std::string text = range;
  auto dots = text.find("..");
  return {std::stoull(text.substr(0, dots)), std::stoull(text.substr(dots + 2))};
}
}  // namespace

TEST_CASE("a group elects a leader and goes on when that leader dies") {
  Cluster cluster(1, ClusterOptions());
  cluster.run(seconds(5));
  REQUIRE(cluster.leader());
  int first = *cluster.leader();
  REQUIRE(cluster.propose(first, 7).ok());
  cluster.run(seconds(1));
  Index before = cluster.acknowledged();
  cluster.crash(first);
  cluster.run(seconds(5));
  REQUIRE(cluster.leader());
  int second = *cluster.leader();
  EXPECT_NE(second, first);
  REQUIRE(cluster.propose(second, 8).ok());
  cluster.run(seconds(1));
  EXPECT_GT(cluster.acknowledged(), before);
  EXPECT_EQ(joined(cluster.violations), "");
}

TEST_CASE("a leader that is cut off serves no lease once another can have been elected") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Cluster cluster(seed, ClusterOptions());
    cluster.run(seconds(5));
    REQUIRE(cluster.leader());
    int first = *cluster.leader();
    EXPECT(cluster.raft(first)->is_leader());
    for (int other = 0; other < 5; ++other) {
      cluster.cut(first, other);
      cluster.cut(other, first);
    }
    for (int i = 0; i < 400; ++i) {
      cluster.run(milliseconds(10));
      for (int round = 0; round < 5; ++round) cluster.random_request();
    }
    EXPECT_NE(cluster.leader(), first);
    EXPECT_EQ(joined(cluster.violations), "");
  }
}

TEST_CASE("no attack on a single promise succeeds") {
  auto [from, to] = seeds();
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    SeededRandom draw(seed ^ 0xA77AC4);
    ClusterOptions options;
    options.nodes = draw.chance(0.5) ? 3 : 5;
    options.voters = options.nodes == 5 && draw.chance(0.5) ? 5 : 3;
    options.loss = draw.chance(0.5) ? 0 : 0.05;
    options.duplicate = draw.chance(0.5) ? 0 : 0.05;
    options.delay_max = milliseconds(1 + draw.below(draw.chance(0.7) ? 10 : 60));
    options.sync_max = milliseconds(1 + draw.below(draw.chance(0.5) ? 10 : 100));
    options.heartbeat = milliseconds(50 + draw.below(100));
    if (draw.chance(0.5)) options.election_spread = milliseconds(1 + draw.below(60));
    if (draw.chance(0.3)) options.append_bytes_max = 1;
    Cluster cluster(seed, options);
    cluster.run(seconds(3));
    for (int i = 0; i < 8 && cluster.violations.empty(); ++i) cluster.attack();
    INFO("seed " << seed);
    EXPECT_EQ(joined(cluster.violations), "");
  }
}

TEST_CASE("no seed of crashes, cuts, losses, clock rates, group changes and transfers breaks the group") {
  auto [from, to] = seeds();
  int reads = 0;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    SeededRandom draw(seed ^ 0xC0FFEE);
    ClusterOptions options;
    options.loss = 0.2 * draw.unit() * draw.unit();
    options.delay_max = milliseconds(1 + draw.below(200));
    options.sync_max = milliseconds(1 + draw.below(draw.chance(0.5) ? 10 : 300));
    options.heartbeat = milliseconds(50 + draw.below(150));
    Cluster cluster(seed, options);
    for (int i = 0; i < 600; ++i) {
      cluster.run(milliseconds(cluster.random().below(60)));
      cluster.random_request();
      if (cluster.random().chance(0.04)) cluster.random_fault();
    }
    cluster.heal();
    Index before = cluster.acknowledged();
    for (int i = 0; i < 100 && cluster.acknowledged() <= before + 1; ++i) {
      cluster.run(milliseconds(100));
      if (auto leader = cluster.leader()) (void)cluster.propose(*leader, 1).ok();
    }
    INFO("seed " << seed);
    EXPECT_EQ(joined(cluster.violations), "");
    EXPECT_GT(cluster.acknowledged(), before + 1);
    reads += cluster.reads_served();
  }
  // Of a few seeds there may be none.
  if (to - from >= 50) EXPECT_GT(reads, 1000);
}
