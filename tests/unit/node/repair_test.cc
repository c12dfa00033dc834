// Copies come to where they should be, and go from where they should not.
#include "node/repair/repair.h"

#include "tests/unit/node/file_rig.h"

namespace vortex::node {

namespace {

class MemoryPort final : public RepairPort {
 public:
  explicit MemoryPort(FileRig& rig) : rig_(rig) {}

  Task<Result<Made>> copy(NodeId target, ChunkId chunk, std::uint32_t, std::vector<NodeId> sources) override {
    order.push_back(chunk);
    if (stuck.contains(chunk)) {
      CO_RETURN_IF_ERROR(co_await sleep_for(rig_.machine.env(), seconds(10)));
      co_return Code::timed_out;
    }
    if (full.contains(target)) co_return Error(Code::no_space, "full");
    Made made;
    auto touched = co_await rig_.holders.touch(target, chunk, seconds(1));
    if (touched.ok()) {
      ++taken_over;
      made.receipt = *touched;
    } else {
      Error last(Code::too_few_nodes);
      for (const NodeId& source : sources) {
        auto held = co_await rig_.holders.get(source, chunk, 0, kChunkStoredMax, seconds(1));
        if (!held.ok()) continue;
        made.moved = held->bytes.size();
        CO_ASSIGN_OR_RETURN(made.receipt,
                            co_await rig_.holders.put(target, chunk, held->form, std::move(held->bytes), seconds(1)));
        break;
      }
      if (made.moved == 0) co_return last;
    }
    std::vector<Receipt> staged(1, made.receipt);
    CO_ASSIGN_OR_RETURN(std::vector<Receipt> durable,
                        co_await rig_.holders.sync(target, std::move(staged), seconds(1)));
    made.receipt = durable[0];
    moved += made.moved;
    co_return made;
  }
  Task<Result<bool>> prove(NodeId node, ChunkId chunk, CopyNumber at_least) override {
    ++proofs;
    const auto& copies = rig_.holders.all().at(node).copies;
    auto copy = copies.find(chunk);
    co_return copy != copies.end() && copy->second.number >= at_least;
  }
  Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to) override {
    return rig_.holders.erase(node, chunk, up_to);
  }

  std::uint64_t taken_over = 0, moved = 0, proofs = 0;
  std::vector<ChunkId> order;
  std::set<NodeId> full;
  std::set<ChunkId> stuck;

 private:
  FileRig& rig_;
};

struct RepairRig {
  explicit RepairRig(std::size_t nodes = 6)
      : rig(nodes), port(rig), repair(rig.machine.env(), rig.chunk_records, rig.places, port, options()) {
    repair.start();
  }
  ~RepairRig() {
    auto stop = [](Env&, Repair* of) -> Task<Status> {
      co_await of->stop();
      co_return Status();
    };
    EXPECT(rig.world.run(rig.machine, stop, &repair).ok());
  }
  static RepairOptions options() {
    RepairOptions few;
    few.tasks_at_once = 4;
    return few;
  }
  ChunkCensus look() { return rig.look(Duration(0), true); }
  // Looks and works until nothing is left to do, or nothing can be done.
  ChunkCensus heal() {
    ChunkCensus census;
    for (int round = 0; round < 10; ++round) {
      census = look();
      repair.needs(0, rig.needs);
      rig.world.run_for(seconds(2));
    }
    return census;
  }
  // Every chunk exactly where the ring wants it, in the record and on the disks.
  void expect_in_place(std::size_t copies) {
    for (const ChunkId& chunk : rig.chunks_of("/f")) {
      std::vector<NodeId> owners = rig.places.owners(chunk, copies);
      std::vector<NodeId> holders;
      for (const Holder& holder : rig.record(chunk).holders) holders.push_back(holder.node);
      std::sort(owners.begin(), owners.end());
      EXPECT(holders == owners);
      for (const auto& [id, node] : rig.holders.all())
        EXPECT_EQ(node.copies.contains(chunk), std::binary_search(owners.begin(), owners.end(), id));
    }
  }

  FileRig rig;
  MemoryPort port;
  Repair repair;
};

}  // namespace

TEST_CASE("what a node held that is lost is copied to others, and counted until it is") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  NodeId lost = MemoryHolders::id(1);
  all.rig.holders.node(1).dead = true;
  ChunkCensus away = all.look();
  EXPECT_GT(away.under, 0);
  // It may be back soon, and two copies of each chunk are left.
  EXPECT(all.rig.needs.empty());
  all.rig.places.other_health[lost] = HolderHealth::lost;
  ChunkCensus healed = all.heal();
  EXPECT_EQ(healed.under, 0);
  EXPECT_EQ(healed.misplaced, 0);
  EXPECT_GT(all.port.moved, 0);
  EXPECT(*all.rig.fetch("/f") == random_bytes(60'000, 1));

  // It returns with all that it held: nothing moves but what it got no copy of, and the copies too many go.
  const std::uint64_t moved = all.port.moved;
  all.rig.holders.node(1).dead = false;
  all.rig.places.other_health.clear();
  healed = all.heal();
  EXPECT_EQ(all.port.moved, moved);
  EXPECT_EQ(healed.misplaced, 0);
  all.expect_in_place(3);
}

TEST_CASE("a node that is gone for good is forgotten by the records") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  all.rig.holders.node(2).dead = true;
  all.rig.holders.node(2).copies.clear();
  all.rig.places.other_health[MemoryHolders::id(2)] = HolderHealth::gone;
  ChunkCensus healed = all.heal();
  EXPECT_EQ(healed.under, 0);
  all.expect_in_place(3);
}

TEST_CASE("a node that drains loses its copies only to others that have them, and nothing is ever missing") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  all.rig.places.takes_none.insert(MemoryHolders::id(3));
  for (int round = 0; round < 20; ++round) {
    ChunkCensus census = all.look();
    EXPECT_EQ(census.under, 0);
    all.repair.needs(0, all.rig.needs);
    all.rig.world.run_for(milliseconds(200));
  }
  EXPECT_EQ(all.heal().misplaced, 0);
  EXPECT(all.rig.holders.node(3).copies.empty());
  EXPECT_GT(all.port.proofs, 0);
  all.expect_in_place(3);
}

TEST_CASE("a node that joins takes what is its own, and the others let go of as much") {
  RepairRig all(5);
  REQUIRE(all.rig.store("/f", random_bytes(200'000, 1)).ok());
  all.rig.holders.add(9);
  EXPECT_EQ(all.look().under, 0);
  EXPECT_EQ(all.heal().misplaced, 0);
  all.expect_in_place(3);
  EXPECT_GT(all.rig.holders.node(9).copies.size(), 0);
  // Nothing moved but to the newcomer.
  EXPECT_EQ(all.port.order.size(), all.rig.holders.node(9).copies.size());
}

TEST_CASE("a copy is not dropped when one of those that stay is not sound") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(4000, 1)).ok());
  ChunkId chunk = *all.rig.chunks_of("/f").begin();
  std::vector<NodeId> owners = all.rig.places.owners(chunk, 3);
  // The first owner drains, and another one has lost its copy without knowing.
  all.rig.places.takes_none.insert(owners[0]);
  for (std::size_t number = 1; number <= 6; ++number)
    if (MemoryHolders::id(number) == owners[1]) all.rig.holders.node(number).copies.clear();
  all.look();
  all.repair.needs(0, all.rig.needs);
  all.rig.world.run_for(seconds(2));
  const Holder* drained = holder_of(all.rig.record(chunk), owners[0]);
  REQUIRE(drained != nullptr);
  EXPECT(holder_of(all.rig.record(chunk), owners[1]) == nullptr);
  // Then it is copied anew, and all is well.
  EXPECT_EQ(all.heal().misplaced, 0);
  all.expect_in_place(3);
}

TEST_CASE("a chunk with one copy left is copied at once, before all others") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  ChunkId chunk = *all.rig.chunks_of("/f").begin();
  std::vector<NodeId> owners = all.rig.places.owners(chunk, 3);
  all.rig.places.other_health[owners[0]] = HolderHealth::away;
  all.rig.places.other_health[owners[1]] = HolderHealth::away;
  ChunkCensus census = all.look();
  EXPECT_GT(census.endangered, 0);
  REQUIRE(!all.rig.needs.empty());
  EXPECT(all.rig.needs[0].urgency == Urgency::endangered);
  EXPECT_EQ(all.heal().endangered, 0);
  EXPECT(all.repair.waits().empty());
}

TEST_CASE("while more than a third of the members look dead nothing is copied, and it is said why") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  for (std::size_t number = 1; number <= 3; ++number) {
    all.rig.holders.node(number).dead = true;
    all.rig.places.other_health[MemoryHolders::id(number)] = HolderHealth::lost;
  }
  all.heal();
  EXPECT_EQ(all.port.order.size(), 0);
  EXPECT(all.repair.waits().find("3 of 6") != std::string::npos);
  EXPECT_GT(all.repair.repair().left, 0);
  RepairOrders anyway;
  anyway.anyway = true;
  all.repair.order(anyway);
  EXPECT_EQ(all.heal().under, 0);
}

TEST_CASE("an owner without space is passed over for the next one, asked once, and asked again when time has passed") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  std::vector<std::string> told;
  all.repair.on_event = [&told](std::string kind, std::string) { told.push_back(std::move(kind)); };
  const NodeId full = MemoryHolders::id(4);
  std::map<ChunkId, std::size_t> held;
  for (const ChunkId& chunk : all.rig.chunks_of("/f")) held[chunk] = holder_of(all.rig.record(chunk), full) ? 1 : 0;
  all.port.full.insert(full);
  all.rig.places.takes_none.insert(MemoryHolders::id(1));
  ChunkCensus healed = all.heal();
  EXPECT_EQ(healed.under, 0);
  EXPECT_EQ(healed.misplaced, 0);
  EXPECT(all.rig.places.all_full() == std::vector<NodeId>(1, full));
  EXPECT_EQ(std::ranges::count(told, "full"), 1);
  // What it had it keeps, and it got nothing.
  for (const auto& [chunk, had] : held) EXPECT_EQ(all.rig.holders.node(4).copies.contains(chunk) ? 1 : 0, had);
  EXPECT(*all.rig.fetch("/f") == random_bytes(60'000, 1));
  const std::size_t asked = all.port.order.size();
  all.heal();
  EXPECT_EQ(all.port.order.size(), asked);
  // Somebody makes room.
  all.port.full.clear();
  all.rig.world.run_for(FullNodes::kBelieved);
  EXPECT_EQ(all.heal().misplaced, 0);
  EXPECT(all.rig.places.all_full().empty());
  all.expect_in_place(3);
}

TEST_CASE("chunks that cannot be mended keep neither the others waiting nor what is only in the wrong place") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(100'000, 1)).ok());
  all.rig.holders.node(1).dead = true;
  all.rig.places.other_health[MemoryHolders::id(1)] = HolderHealth::lost;
  all.rig.places.takes_none.insert(MemoryHolders::id(2));
  all.look();
  // As many as are worked at together, and those that come first.
  for (std::size_t i = 0; i < RepairRig::options().tasks_at_once && i < all.rig.needs.size(); ++i)
    all.port.stuck.insert(all.rig.needs[i].chunk);
  ChunkCensus census;
  for (int round = 0; round < 30; ++round) {
    census = all.look();
    all.repair.needs(0, all.rig.needs);
    all.rig.world.run_for(seconds(5));
  }
  EXPECT_LE(census.under, all.port.stuck.size());
  for (const RepairNeed& need : all.rig.needs) EXPECT(all.port.stuck.contains(need.chunk));
  all.port.stuck.clear();
  all.rig.world.run_for(seconds(60));
  EXPECT_EQ(all.heal().under, 0);
}

TEST_CASE("when all nodes are full it is known that copies are missing, and nobody is asked all the time") {
  RepairRig all(4);
  REQUIRE(all.rig.store("/f", random_bytes(20'000, 1)).ok());
  for (std::size_t number = 1; number <= 4; ++number) all.port.full.insert(MemoryHolders::id(number));
  all.rig.holders.node(1).dead = true;
  all.rig.places.other_health[MemoryHolders::id(1)] = HolderHealth::lost;
  EXPECT_GT(all.heal().under, 0);
  EXPECT_LE(all.port.order.size(), 3 * RepairRig::options().tasks_at_once);
  all.port.full.clear();
  all.rig.world.run_for(FullNodes::kBelieved);
  EXPECT_EQ(all.heal().under, 0);
}

TEST_CASE("shards of a coded chunk are never copied in each other's place") {
  FileRig rig;
  ChunkRecord record;
  record.code.data = 4;
  record.code.parity = 2;
  Holder holder;
  holder.node = MemoryHolders::id(1);
  record.holders.push_back(holder);
  EXPECT(judge(ChunkId(), record, rig.places).idle());
}

TEST_CASE("what is paused waits, and goes on when it may") {
  RepairRig all;
  REQUIRE(all.rig.store("/f", random_bytes(60'000, 1)).ok());
  RepairOrders paused;
  paused.rebalance_paused = true;
  all.repair.order(paused);
  all.rig.places.takes_none.insert(MemoryHolders::id(3));
  all.heal();
  EXPECT_EQ(all.port.order.size(), 0);
  EXPECT_GT(all.repair.rebalance().left, 0);
  all.repair.order(RepairOrders());
  EXPECT_EQ(all.heal().misplaced, 0);
  EXPECT_EQ(all.repair.rebalance().left, 0);
}

}  // namespace vortex::node
