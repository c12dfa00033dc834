// What is left behind is settled, and nothing that somebody still needs.
#include <algorithm>

#include "tests/unit/node/file_rig.h"

namespace vortex::node {

namespace {

std::size_t copies(FileRig& rig) {
  std::size_t count = 0;
  for (const auto& [id, node] : rig.holders.all()) count += node.copies.size();
  return count;
}

std::size_t records_of(FileRig& rig, RecordKind kind) {
  std::size_t count = 0;
  for (dht::PartitionNumber partition : rig.led.led()) {
    auto take = [&](const dht::PackedRecord& record) {
      count += record.key().name[0] == static_cast<std::uint8_t>(kind) ? 1 : 0;
      return true;
    };
    dht::Key first;
    rig.partitions.partition(partition).records().visit(first, take);
  }
  return count;
}

}  // namespace

TEST_CASE("a deleted file gives its space back by itself, after the grace and not before") {
  FileRig rig;
  REQUIRE(rig.store("/f", random_bytes(20'000, 1)).ok());
  REQUIRE(copies(rig) > 0);
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  rig.look(std::chrono::minutes(50), true);
  EXPECT_GT(copies(rig), 0);
  rig.look(std::chrono::minutes(70), true);
  EXPECT_EQ(copies(rig), 0);
  EXPECT_EQ(rig.look(Duration(0), false).condemned, 0);
  EXPECT_EQ(rig.audit().chunks, 0);
}

TEST_CASE("an upload whose writer is silent is given up, and one that goes on is not") {
  FileRig rig;
  auto begin = [](Env&, FileRig* of) -> Task<Result<OpenedUpload>> {
    CO_ASSIGN_OR_RETURN(OpenedUpload opened, co_await of->service.open_upload(of->root, "/f", 0, seconds(1)));
    Buffer bytes = Buffer::copy_of(random_bytes(1000, 1));
    StoredCopies stored;
    stored.chunk = sha256(bytes.view());
    stored.stored_size = 1000;
    for (std::size_t node = 1; node <= 3; ++node) {
      CO_ASSIGN_OR_RETURN(Receipt receipt,
                          co_await of->holders.put(MemoryHolders::id(node), stored.chunk, 0, bytes, seconds(1)));
      std::vector<Receipt> staged(1, receipt);
      CO_ASSIGN_OR_RETURN(std::vector<Receipt> durable,
                          co_await of->holders.sync(MemoryHolders::id(node), staged, seconds(1)));
      stored.receipts.push_back(durable[0]);
    }
    std::vector<StoredCopies> copies(1, stored);
    CO_RETURN_IF_ERROR(co_await of->service.add_copies(opened.upload, copies, seconds(1)));
    co_return opened;
  };
  auto opened = rig.world.run(rig.machine, begin, &rig);
  REQUIRE(opened.ok());
  SurveyTerms terms;
  terms.upload_silence = std::chrono::minutes(10);
  rig.look(std::chrono::minutes(5), true, terms);
  EXPECT_EQ(records_of(rig, RecordKind::reference), 1);
  EXPECT_EQ(records_of(rig, RecordKind::upload), 1);
  // Aborted; its references found to be nobody's; forgotten.
  for (int round = 0; round < 3; ++round) rig.look(std::chrono::minutes(11), true, terms);
  EXPECT_EQ(records_of(rig, RecordKind::reference), 0);
  EXPECT_EQ(records_of(rig, RecordKind::upload), 0);
  EXPECT_EQ(copies(rig), 3);
  rig.look(std::chrono::hours(3), true);
  EXPECT_EQ(copies(rig), 0);
  EXPECT_EQ(rig.audit().defects, 0);
}

TEST_CASE("a holder that is away keeps the others from nothing, and erases when it is back") {
  FileRig rig;
  REQUIRE(rig.store("/f", random_bytes(4000, 1)).ok());
  ChunkId chunk = *rig.chunks_of("/f").begin();
  NodeId away = rig.record(chunk).holders[0].node;
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  rig.places.other_health[away] = HolderHealth::away;
  rig.look(std::chrono::hours(2), true);
  EXPECT_EQ(rig.holders.copies_of(chunk), 1);
  auto waits = [](const Drop& drop) { return !drop.erased; };
  EXPECT_EQ(std::ranges::count_if(rig.record(chunk).drops, waits), 1);
  // The same bytes are stored anew meanwhile: the drop that is left counts for the old copy alone.
  REQUIRE(rig.store("/g", random_bytes(4000, 1)).ok());
  rig.places.other_health.clear();
  rig.look(Duration(0), true);
  EXPECT(rig.record(chunk).drops.empty());
  EXPECT_EQ(rig.holders.copies_of(chunk), 3);
  EXPECT(*rig.fetch("/g") == random_bytes(4000, 1));
  EXPECT_EQ(rig.audit().defects, 0);
}

TEST_CASE("a holder that is gone for good is not waited for") {
  FileRig rig;
  REQUIRE(rig.store("/f", random_bytes(4000, 1)).ok());
  ChunkId chunk = *rig.chunks_of("/f").begin();
  NodeId gone = rig.record(chunk).holders[0].node;
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  rig.places.other_health[gone] = HolderHealth::gone;
  rig.look(std::chrono::hours(2), true);
  EXPECT_EQ(rig.audit().chunks, 0);
}

TEST_CASE("bytes stored anew while their record goes are taken over by whoever stores them") {
  FileRig rig;
  StoredCopies stored;
  stored.chunk.bytes[0] = 9;
  stored.stored_size = 77;
  stored.stored_by.bytes[0] = 5;
  Receipt receipt;
  receipt.chunk = stored.chunk;
  receipt.durable = true;
  receipt.node.bytes[0] = 1;
  receipt.copy = CopyNumber(1, 6);
  stored.receipts.push_back(receipt);
  ChunkRecord stray;
  stray.condemned = 1;
  EXPECT(begin_stray_drop(stray, receipt.node, CopyNumber(1, 5)));
  auto taken = with_copies(stray, stored, 1);
  REQUIRE(taken.ok());
  EXPECT_EQ(taken->stored_size, 77);
  EXPECT_EQ(taken->condemned, 0);
  EXPECT_EQ(taken->drops.size(), 1);
  stored.receipts[0].copy = CopyNumber(1, 5);
  EXPECT(with_copies(stray, stored, 1).is(Code::too_few_nodes));
}

TEST_CASE("a wall clock that jumps by years ends no grace") {
  FileRig rig;
  REQUIRE(rig.store("/f", random_bytes(20'000, 1)).ok());
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  auto open = rig.run([&](Env&) { return rig.service.open_upload(rig.root, "/g", 0, seconds(1)); });
  REQUIRE(open.ok());
  const std::size_t before = copies(rig);
  for (int hours : {24 * 365 * 3, -24 * 365 * 6}) {
    rig.machine.jump_wall_clock(std::chrono::hours(hours));
    for (int round = 0; round < 3; ++round) rig.look(seconds(5), true);
    EXPECT_EQ(copies(rig), before);
    EXPECT(rig.run([&](Env&) { return rig.chunk_records.open_upload_record(open->upload, seconds(1)); }).ok());
  }
  // And keeps none from ending.
  rig.look(std::chrono::minutes(70), true);
  EXPECT_EQ(copies(rig), 0);
}

TEST_CASE("what one look cannot note has its turn in the next, whatever becomes of the rest") {
  FileRig rig;
  const std::size_t many = 3 * kFindingsMax + 7;
  dht::PartitionNumber partition = 0;
  for (std::size_t i = 0; i < many; ++i) {
    dht::Key key;
    key.place = sha256(as_bytes("one directory"));
    key.name = begin_of(RecordKind::operation);
    for (int shift = 24; shift >= 0; shift -= 8) key.name.push_back(static_cast<std::uint8_t>(i >> shift));
    dht::Batch batch;
    Plan plan;
    plan.write(key, encode_record(OperationRecord()));
    partition = dht::partition_of(key.place, rig.partitions.count());
    REQUIRE(rig.partitions.commit(plan.take()).done);
  }
  rig.look(Duration(0), false);
  std::set<dht::Key> met;
  std::size_t looks = 0;
  // Nothing of it is ever settled.
  for (bool more = true; more && looks < 10; ++looks) {
    auto look = [](Env& env, FileRig* of, dht::PartitionNumber in) -> Task<Result<Findings>> {
      SurveyTerms terms;
      terms.now = env.now() + std::chrono::hours(1);
      terms.ages = &of->ages[in];
      co_return co_await survey(env, of->led, in, of->places, terms, of->looked[in]);
    };
    auto found = rig.world.run(rig.machine, look, &rig, partition);
    REQUIRE(found.ok());
    EXPECT_LE(found->leftovers.operations.size(), kFindingsMax);
    for (const VersionedKey& operation : found->leftovers.operations) met.insert(operation.key);
    more = met.size() < many;
  }
  EXPECT_EQ(met.size(), many);
  EXPECT_EQ(looks, 4);
}

TEST_CASE("names of operations are forgotten when they are old") {
  FileRig rig;
  Change change;
  change.operation = OperationId();
  change.operation->fill(7);
  REQUIRE(
      rig.run([&](Env&) { return rig.service.store_small(rig.root, "/small", ByteVector(10), Attributes(), change); })
          .ok());
  REQUIRE_EQ(records_of(rig, RecordKind::operation), 1);
  rig.look(std::chrono::minutes(10), true);
  EXPECT_EQ(records_of(rig, RecordKind::operation), 1);
  rig.look(std::chrono::minutes(16), true);
  EXPECT_EQ(records_of(rig, RecordKind::operation), 0);
}

TEST_CASE("nobody wants so many copies any more: the wish goes down to the strongest one that is left") {
  FileRig rig;
  REQUIRE(rig.store("/a", random_bytes(4000, 1)).ok());
  ChunkId chunk = *rig.chunks_of("/a").begin();
  auto refer = [](Env&, FileRig* of, ChunkId to) -> Task<Result<UploadName>> {
    CO_ASSIGN_OR_RETURN(OpenedUpload opened, co_await of->service.open_upload(of->root, "/b", 0, seconds(1)));
    CO_RETURN_IF_ERROR(co_await of->chunk_records.add_reference(to, opened.upload, 4, seconds(1)));
    co_return opened.upload;
  };
  auto upload = rig.world.run(rig.machine, refer, &rig, chunk);
  REQUIRE(upload.ok());
  EXPECT_EQ(rig.record(chunk).replicas, 4);
  EXPECT_EQ(rig.look(Duration(0), true).under, 1);
  REQUIRE(rig.run([&](Env&) { return rig.chunk_records.abort_upload(*upload, seconds(1)); }).ok());
  for (int round = 0; round < 3; ++round) rig.look(std::chrono::minutes(2), true);
  EXPECT_EQ(rig.record(chunk).replicas, 3);
  EXPECT_EQ(rig.look(Duration(0), true).under, 0);
}

TEST_CASE("a receipt for a copy that was just dropped as a stray counts for nothing") {
  FileRig rig;
  ChunkId chunk;
  chunk.bytes[0] = 9;
  const NodeId node = MemoryHolders::id(1);
  auto drop = [](Env&, FileRig* of, ChunkId id, NodeId holder) -> Task<Status> {
    ChunkRecords::Known nothing;
    co_return co_await of->chunk_records.drop_stray(id, nothing, holder, CopyNumber(1, 5), seconds(1));
  };
  REQUIRE(rig.world.run(rig.machine, drop, &rig, chunk, node).ok());
  rig.look(seconds(1), true);
  StoredCopies stored;
  stored.chunk = chunk;
  Receipt receipt;
  receipt.chunk = chunk;
  receipt.node = node;
  receipt.durable = true;
  receipt.copy = CopyNumber(1, 5);
  stored.receipts.push_back(receipt);
  auto record = [](Env&, FileRig* of, StoredCopies copies) -> Task<Status> {
    Upload terms;
    CO_ASSIGN_OR_RETURN(UploadName upload, co_await of->chunk_records.open_upload(Id(), terms, seconds(1)));
    co_return co_await of->chunk_records.add_copies(std::move(copies), upload, 1, seconds(1));
  };
  EXPECT(rig.world.run(rig.machine, record, &rig, stored).is(Code::too_few_nodes));
  // A newer copy is another matter.
  stored.receipts[0].copy = CopyNumber(1, 6);
  EXPECT(rig.world.run(rig.machine, record, &rig, stored).ok());
}

TEST_CASE("what is left of a dropped stray goes after the grace") {
  FileRig rig;
  ChunkId chunk;
  chunk.bytes[0] = 9;
  auto drop = [](Env&, FileRig* of, ChunkId id) -> Task<Status> {
    ChunkRecords::Known nothing;
    co_return co_await of->chunk_records.drop_stray(id, nothing, MemoryHolders::id(1), CopyNumber(1, 5), seconds(1));
  };
  REQUIRE(rig.world.run(rig.machine, drop, &rig, chunk).ok());
  rig.look(seconds(1), true);
  EXPECT_EQ(rig.audit().chunks, 1);
  rig.look(std::chrono::hours(2), true);
  EXPECT_EQ(rig.audit().chunks, 0);
}

}  // namespace vortex::node
