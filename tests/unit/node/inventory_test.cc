// What a disk really holds, and what the records say it holds, come to agree.
#include "node/inventory/inventory.h"

#include "tests/unit/node/file_rig.h"

namespace vortex::node {

namespace {

const NodeId kHolder = MemoryHolders::id(1);

class MemoryDesk final : public InventoryPort {
 public:
  explicit MemoryDesk(FileRig& rig) : rig_(rig) {}
  std::uint32_t partitions() override { return rig_.partitions.count(); }
  std::optional<NodeId> leader(dht::PartitionNumber) override {
    if (nobody_known) return std::nullopt;
    return MemoryHolders::id(2);
  }
  Task<Status> find_leader(dht::PartitionNumber) override {
    nobody_known = false;
    co_return Status();
  }
  Task<Result<InventoryDifference>> compare(NodeId, InventoryPiece piece) override {
    ++pieces;
    return compare_inventory(rig_.machine.env(), rig_.led, partitions(), kHolder, std::move(piece));
  }
  Task<Status> tell(NodeId, std::vector<HeldCopy> lost, std::vector<HeldCopy> stray) override {
    for (const HeldCopy& copy : lost) {
      gone.push_back(copy.chunk);
      CO_RETURN_IF_ERROR(co_await rig_.chunk_records.remove_copy(copy.chunk, kHolder, copy.copy, seconds(1)));
    }
    for (const HeldCopy& copy : stray) {
      strays.push_back(copy.chunk);
      CO_ASSIGN_OR_RETURN(ChunkRecords::Known known, co_await rig_.chunk_records.look(copy.chunk, seconds(1)));
      CO_RETURN_IF_ERROR(
          co_await rig_.chunk_records.drop_stray(copy.chunk, std::move(known), kHolder, copy.copy, seconds(1)));
    }
    co_return Status();
  }

  bool nobody_known = false;
  std::size_t pieces = 0;
  std::vector<ChunkId> gone, strays;

 private:
  FileRig& rig_;
};

// A real store on a simulated disk beside records that name its node.
struct InventoryRig {
  InventoryRig() : desk(rig), store(rig.world.run(rig.machine, &open)), inventory(env(), *store, desk, options()) {}
  ~InventoryRig() {
    auto stop = [](Env&, ChunkStore* of) -> Task<Status> { co_return co_await of->stop(); };
    EXPECT(rig.world.run(rig.machine, stop, store.get()).ok());
  }
  static Task<std::unique_ptr<ChunkStore>> open(Env& env) {
    auto opened = co_await ChunkStore::open(env, "chunks");
    CHECK(opened.ok());
    co_return std::move(*opened);
  }
  static InventoryOptions options() {
    InventoryOptions few;
    few.piece_chunks = 3;
    few.stray_grace = seconds(100);
    return few;
  }
  Env& env() { return rig.machine.env(); }
  ChunkId chunk(std::uint64_t number) { return sha256(random_bytes(100, number)); }

  // On the disk, durably; and in the record where `recorded`.
  void put(std::uint64_t number, bool recorded) {
    auto body = [](Env&, InventoryRig* of, ChunkId id, std::uint64_t seed, bool record) -> Task<Status> {
      CO_ASSIGN_OR_RETURN(PutResult put, co_await of->store->put(id, Buffer::copy_of(random_bytes(100, seed))));
      CO_RETURN_IF_ERROR(co_await of->store->sync());
      if (!record) co_return Status();
      co_return co_await of->note(id, put.number);
    };
    ChunkId id = chunk(number);
    REQUIRE(rig.world.run(rig.machine, body, this, id, number, recorded).ok());
  }
  Task<Status> note(ChunkId id, CopyNumber copy) {
    StoredCopies stored;
    stored.chunk = id;
    stored.stored_size = 100;
    stored.replicas = 1;
    Receipt receipt;
    receipt.node = kHolder;
    receipt.chunk = id;
    receipt.copy = copy;
    receipt.durable = true;
    stored.receipts.push_back(receipt);
    UploadName upload;
    upload.id.bytes[0] = 1;
    co_return co_await rig.chunk_records.add_copies(std::move(stored), upload, 1, seconds(1));
  }
  void say_held(std::uint64_t number) {
    ChunkId id = chunk(number);
    REQUIRE(rig.run([&](Env&) { return note(id, CopyNumber(1, 1)); }).ok());
  }
  void pass() {
    REQUIRE(rig.run([&](Env&) { return inventory.pass(); }).ok());
  }

  FileRig rig;
  MemoryDesk desk;
  std::unique_ptr<ChunkStore> store;
  Inventory inventory;
};

}  // namespace

TEST_CASE("where disk and records agree an inventory finds nothing") {
  InventoryRig all;
  for (std::uint64_t number = 0; number < 20; ++number) all.put(number, true);
  all.pass();
  EXPECT(all.desk.gone.empty());
  all.rig.world.run_for(seconds(200));
  all.pass();
  EXPECT(all.desk.strays.empty());
  EXPECT_GT(all.desk.pieces, 10);
}

TEST_CASE("a chunk that the record names and the disk has not is found missing, whatever its id") {
  InventoryRig all;
  for (std::uint64_t number = 0; number < 20; ++number) all.put(number, true);
  for (std::uint64_t number = 100; number < 110; ++number) all.say_held(number);
  all.desk.nobody_known = true;
  all.pass();
  EXPECT_EQ(all.desk.gone.size(), 10);
  for (std::uint64_t number = 100; number < 110; ++number)
    EXPECT(holder_of(all.rig.record(all.chunk(number)), kHolder) == nullptr);
  all.pass();
  EXPECT_EQ(all.desk.gone.size(), 10);
}

TEST_CASE("a copy that no record names is dropped when it was there for long, and one that is stored again is not") {
  InventoryRig all;
  all.put(1, true);
  all.put(2, false);
  all.put(3, false);
  all.pass();
  all.rig.world.run_for(seconds(60));
  ChunkId again = all.chunk(3);
  REQUIRE(all.rig.run([&](Env&) { return all.store->touch(again); }).ok());
  all.pass();
  all.rig.world.run_for(seconds(60));
  all.pass();
  REQUIRE_EQ(all.desk.strays.size(), 1);
  EXPECT(all.desk.strays[0] == all.chunk(2));
  // It is written down, and whoever stores these bytes now gets a copy that the drop spares.
  ChunkRecord record = all.rig.record(all.chunk(2));
  EXPECT(record.holders.empty());
  REQUIRE_EQ(record.drops.size(), 1);
  all.put(2, true);
  EXPECT(holder_of(all.rig.record(all.chunk(2)), kHolder) != nullptr);
  EXPECT_EQ(all.rig.record(all.chunk(2)).condemned, 0);
}

TEST_CASE("a bad copy is told at once") {
  InventoryRig all;
  all.put(1, true);
  all.say_held(100);
  auto tell = [](Env& env, InventoryRig* of) -> Task<Status> {
    of->inventory.start();
    of->inventory.lost(of->chunk(1));
    of->inventory.lost(of->chunk(100));
    co_return co_await sleep_for(env, seconds(2));
  };
  REQUIRE(all.rig.world.run(all.rig.machine, tell, &all).ok());
  // The one that is there after all is not given up.
  REQUIRE_EQ(all.desk.gone.size(), 1);
  EXPECT(all.desk.gone[0] == all.chunk(100));
  auto stop = [](Env&, Inventory* of) -> Task<Status> {
    co_await of->stop();
    co_return Status();
  };
  REQUIRE(all.rig.world.run(all.rig.machine, stop, &all.inventory).ok());
}

}  // namespace vortex::node
