#include "dht/kademlia/kademlia.h"

#include <algorithm>

#include "tests/scenarios/kademlia_swarm.h"
#include "tests/sim/fabric.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;
using sim::KademliaNode;
using sim::Machine;
using sim::World;

namespace {

struct Nodes {
  explicit Nodes(std::uint64_t seed, std::size_t machines) : world(seed, quiet()) {
    for (std::size_t i = 0; i < machines; ++i) world.add_machine();
  }
  static sim::WorldOptions quiet() {
    sim::WorldOptions options;
    options.log_level = LogLevel::warn;
    return options;
  }
  // Identity `number` on that machine, by way of another machine's node.
  KademliaNode& start(std::size_t machine, std::size_t number, std::size_t via = 0) {
    KademliaNode::Plan plan;
    plan.world = world.seed();
    plan.number = number;
    if (via > 0) plan.via = world.machine(via).address(sim::kKademliaPort);
    plan.address = world.machine(machine).address(sim::kKademliaPort);
    plan.settings = settings;
    world.machine(machine).start(
        [plan](Env& env) -> std::unique_ptr<sim::Program> { return std::make_unique<KademliaNode>(env, plan); });
    return at(machine);
  }
  void start_all() {
    start(1, 1);
    for (std::size_t i = 2; i <= world.machines(); ++i) start(i, i, 1);
    world.run_for(seconds(30));
    for (std::size_t i = 1; i <= world.machines(); ++i) REQUIRE(at(i).joined());
  }
  KademliaNode& at(std::size_t machine) { return world.machine(machine).as<KademliaNode>(); }
  Result<Found> find(std::size_t machine, const Id& target, FindOptions options = FindOptions()) {
    auto body = [&](Env&) { return at(machine).kademlia.find(target, options); };
    return world.run(world.machine(machine), body);
  }

  sim::SwarmSettings settings;
  World world;
};

const NodeId& id_at(Nodes& nodes, std::size_t machine) { return nodes.at(machine).kademlia.self().id; }

}  // namespace

TEST_CASE("a node that is alone is the nearest to everything") {
  Nodes nodes(1, 1);
  nodes.start(1, 1);
  auto found = nodes.find(1, Id());
  REQUIRE(found.ok());
  REQUIRE_EQ(found->nearest.size(), 1);
  EXPECT_EQ(found->nearest[0].id, id_at(nodes, 1));
  EXPECT_EQ(found->hops, 0);
}

TEST_CASE("everybody finds everybody, and itself without asking further") {
  Nodes nodes(2, 25);
  nodes.start_all();
  for (std::size_t i = 1; i <= 25; ++i) {
    auto found = nodes.find(1 + i % 25, id_at(nodes, i));
    REQUIRE(found.ok());
    EXPECT_EQ(found->nearest.front().id, id_at(nodes, i));
    EXPECT_EQ(found->nearest.front().address, nodes.world.machine(i).address(sim::kKademliaPort));
    EXPECT_EQ(found->nearest.size(), kFindCount);
    auto self = nodes.find(i, id_at(nodes, i));
    REQUIRE(self.ok());
    EXPECT_EQ(self->nearest.front().id, id_at(nodes, i));
    EXPECT_EQ(self->hops, 0);
  }
}

TEST_CASE("when nobody answers a lookup says so instead of naming itself") {
  Nodes nodes(3, 4);
  nodes.start_all();
  for (std::size_t i = 2; i <= 4; ++i) nodes.world.machine(i).power_cut();
  nodes.world.run_for(seconds(120));
  EXPECT(nodes.find(1, id_at(nodes, 1)).is(Code::unreachable));
  // They are back: whoever was cut off finds them again by itself.
  for (std::size_t i = 2; i <= 4; ++i) nodes.start(i, i, 1);
  nodes.world.run_for(std::chrono::minutes(12));
  EXPECT(nodes.find(1, id_at(nodes, 3)).ok());
}

TEST_CASE("the dead are left out of answers, and lookups go round them") {
  Nodes nodes(4, 20);
  nodes.start_all();
  NodeId gone = id_at(nodes, 7);
  nodes.world.machine(7).power_cut();
  auto found = nodes.find(1, gone);
  REQUIRE(found.ok());
  for (const Contact& contact : found->nearest) EXPECT_NE(contact.id, gone);
  EXPECT_EQ(found->nearest.size(), kFindCount);
  // Within the time in which silent contacts are called nobody names it any more.
  nodes.world.run_for(std::chrono::minutes(40));
  for (std::size_t i = 1; i <= 20; ++i) {
    if (i == 7) continue;
    for (const Contact& contact : nodes.at(i).kademlia.answer(gone, 64, NodeId())) EXPECT_NE(contact.id, gone);
  }
}

TEST_CASE("a node that came back under a new address is found there") {
  Nodes nodes(5, 13);
  nodes.start(1, 1);
  for (std::size_t i = 2; i <= 12; ++i) nodes.start(i, i, 1);
  nodes.world.run_for(seconds(30));
  NodeId moving = id_at(nodes, 5);
  nodes.world.machine(5).power_cut();
  nodes.start(13, 5, 2);
  nodes.world.run_for(seconds(30));
  auto found = nodes.find(9, moving);
  REQUIRE(found.ok());
  EXPECT_EQ(found->nearest.front().id, moving);
  EXPECT_EQ(found->nearest.front().address, nodes.world.machine(13).address(sim::kKademliaPort));
}

TEST_CASE("who stands at somebody else's old address is not taken for him") {
  Nodes nodes(6, 8);
  nodes.start_all();
  NodeId before = id_at(nodes, 4);
  nodes.world.machine(4).kill();
  KademliaNode& other = nodes.start(4, 400, 1);
  nodes.world.run_for(seconds(30));
  auto found = nodes.find(6, before);
  REQUIRE(found.ok());
  for (const Contact& contact : found->nearest) EXPECT_NE(contact.id, before);
  EXPECT_EQ(nodes.find(6, other.kademlia.self().id)->nearest.front().id, other.kademlia.self().id);
}

TEST_CASE("a node goes on trying until somebody lets it in, and says what was wrong when it gives up") {
  Nodes nodes(7, 3);
  nodes.start(2, 2, 1);
  nodes.world.run_for(seconds(20));
  EXPECT(!nodes.at(2).joined());
  nodes.start(1, 1);
  nodes.world.run_for(seconds(15));
  EXPECT(nodes.at(2).joined());
  // Itself is nobody to begin with.
  KademliaNode& lonely = nodes.start(3, 3);
  auto body = [&](Env&) {
    std::vector<Address> own(1, nodes.world.machine(3).address(sim::kKademliaPort));
    return lonely.kademlia.bootstrap(std::move(own), seconds(3));
  };
  Status refused = nodes.world.run(nodes.world.machine(3), body);
  REQUIRE(refused.is(Code::timed_out));
  EXPECT(refused.error().to_string().find("is this node itself") != std::string::npos);
}

TEST_CASE("nothing of a lookup outlives its node") {
  Nodes nodes(8, 12);
  nodes.start_all();
  for (std::size_t i = 2; i <= 12; ++i) nodes.world.network().cut(nodes.world.machine(1), nodes.world.machine(i));
  auto body = [](KademliaNode* node, Id target) -> Task<void> { (void)co_await node->kademlia.find(target); };
  for (int i = 0; i < 5; ++i) nodes.at(1).tasks.spawn(body(&nodes.at(1), nodes.world.dice("target").id()));
  nodes.world.run_for(milliseconds(700));
  EXPECT_EQ(nodes.at(1).kademlia.lookups(), 5);
  // The simulator fails the test when a task ignores the end.
  nodes.world.machine(1).kill();
  nodes.world.run_for(seconds(1));
  EXPECT(!nodes.world.machine(1).running());
  nodes.world.machine(2).stop();
  nodes.world.run_for(seconds(5));
  EXPECT(!nodes.world.machine(2).running());
}

TEST_CASE("the topology changes while nodes run") {
  Nodes nodes(9, 60);
  nodes.start_all();
  Kademlia& one = nodes.at(1).kademlia;
  EXPECT_LT(one.table().size(), 59);
  one.know_everybody(true);
  nodes.world.run_for(seconds(20));
  EXPECT_EQ(one.table().size(), 59);
  auto found = nodes.find(1, id_at(nodes, 42));
  REQUIRE(found.ok());
  EXPECT_EQ(found->nearest.front().id, id_at(nodes, 42));
  EXPECT_EQ(found->requests, 0);
  one.know_everybody(false);
  one.table().check_invariants();
  EXPECT_LE(one.table().bucket_size(0), kBucketMax);
  EXPECT_EQ(nodes.find(1, id_at(nodes, 42))->nearest.front().id, id_at(nodes, 42));
}

TEST_CASE("in all-to-all a lookup that must be sure calls the nearest, and goes on where it is dead") {
  Nodes nodes(10, 10);
  nodes.settings.everybody = true;
  nodes.start_all();
  NodeId gone = id_at(nodes, 3);
  nodes.world.machine(3).power_cut();
  EXPECT_EQ(nodes.find(1, gone)->nearest.front().id, gone);  // not yet known
  FindOptions sure;
  sure.confirm = true;
  auto found = nodes.find(1, gone, sure);
  REQUIRE(found.ok());
  EXPECT_NE(found->nearest.front().id, gone);
  EXPECT_EQ(found->failures, 1);
  EXPECT_NE(nodes.find(1, gone)->nearest.front().id, gone);
}

TEST_CASE("whoever was only named is told to nobody") {
  Nodes nodes(11, 1);
  nodes.start(1, 1);
  Kademlia& kademlia = nodes.at(1).kademlia;
  Contact invented;
  invented.id = nodes.world.dice("invented").id();
  invented.address.host = "nowhere";
  invented.address.port = 1;
  kademlia.named(invented);
  EXPECT(kademlia.answer(invented.id, 16, NodeId()).empty());
  kademlia.answered(invented);
  EXPECT_EQ(kademlia.answer(invented.id, 16, NodeId()).size(), 1);
  EXPECT(kademlia.answer(invented.id, 16, invented.id).empty());
  EXPECT(kademlia.answer(invented.id, 0, NodeId()).empty());
  kademlia.forget(invented.id);
  EXPECT(kademlia.answer(invented.id, 16, NodeId()).empty());
}
