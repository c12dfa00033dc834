// The races for which there are uploads, receipts and copy numbers.
#include <algorithm>

#include "chunker/pack.h"
#include "tests/unit/node/file_rig.h"

using namespace vortex;
using namespace vortex::node;

namespace {

struct Begun {
  OpenedUpload upload;
  std::unique_ptr<UploadRun> run;
  CommitOrder order;
};

Task<Status> send_all(FileRig* rig, Begun* begun, ByteView content) {
  CO_ASSIGN_OR_RETURN(begun->upload, co_await rig->files.open_upload("/f", 0, seconds(1)));
  StoreOptions options;
  UploadRun run(rig->machine.env(), rig->files, rig->holders, begun->upload, options);
  chunker::ManifestBuilder builder;
  MemorySource source(content);
  ByteVector none;
  Status sent = co_await run.add_stream(std::move(none), 0, source, 0, nullptr, &builder);
  begun->order.manifest = builder.finish();
  if (sent.ok()) sent = co_await run.add_nodes(builder.take_nodes());
  if (sent.ok()) sent = co_await run.finish();
  co_await run.stop();
  begun->order.upload = begun->upload.upload;
  co_return sent;
}

Result<Inode> commit(FileRig& rig, Begun& begun, const std::string& path = "/f") {
  return rig.run([&](Env&) { return rig.files.commit(path, begun.order, Change()); });
}

}  // namespace

TEST_CASE("a store slower than the janitor fails and leaves nothing, and may be repeated") {
  FileRig rig;
  ByteVector content = random_bytes(20'000, 1);
  Begun begun;
  REQUIRE(rig.run([&](Env&) { return send_all(&rig, &begun, content); }).ok());
  rig.janitor();
  auto late = commit(rig, begun);
  CAPTURE(late.ok());
  EXPECT(late.is(Code::expired));
  EXPECT(rig.fetch("/f").is(Code::not_found));
  EXPECT_EQ(rig.audit().chunks, 0);
  REQUIRE(rig.store("/f", content).ok());
  rig.janitor();
  EXPECT(*rig.fetch("/f") == content);
  EXPECT_EQ(rig.audit().defects, 0);
}

TEST_CASE("a receipt that was sealed with a newer secret is believed as soon as the secret is known here too") {
  for (bool ever : {true, false}) {
    FileRig rig;
    auto opened = rig.run([&](Env&) { return rig.service.open_upload(rig.root, "/f", 0, seconds(1)); });
    REQUIRE(opened.ok());
    const Id newer = ReceiptSealer::key_of(as_bytes("the next secret"));
    const ReceiptSealer ahead([newer] { return std::vector<Id>(1, newer); });
    StoredCopies stored;
    stored.chunk.bytes[0] = 7;
    stored.stored_size = 1000;
    for (std::size_t node = 1; node <= 3; ++node) {
      Receipt& receipt = stored.receipts.emplace_back();
      receipt.node = MemoryHolders::id(node);
      receipt.chunk = stored.chunk;
      receipt.copy = CopyNumber(1, 1);
      receipt.length = 1000;
      receipt.durable = true;
      ahead.seal(receipt);
    }
    if (ever)
      rig.world.after(milliseconds(700), UniqueFunction<void()>([&rig, newer] { rig.seal_keys.push_back(newer); }));
    std::vector<StoredCopies> copies(1, stored);
    auto added = rig.run([&](Env&) { return rig.service.add_copies(opened->upload, copies, seconds(5)); });
    EXPECT_EQ(added.ok(), ever);
    if (!ever) EXPECT(added.is(Code::invalid_argument));
  }
}

TEST_CASE("the janitor comes at any moment between the chunks and the commit: one of the two wins") {
  for (int steps = 0; steps < 6; ++steps) {
    FileRig rig;
    ByteVector content = random_bytes(9000, 1);
    Begun begun;
    REQUIRE(rig.run([&](Env&) { return send_all(&rig, &begun, content); }).ok());
    if (steps > 0) {
      // What a look has seen, of this record or of an older one.
      const UploadName name = begun.upload.upload;
      auto record = rig.run(
          [&](Env&) { return rig.records.get(key_of(name.place, RecordKind::upload, name.id.bytes), seconds(1)); });
      REQUIRE(record.ok());
      REQUIRE(record->has_value());
      const dht::Version seen = (*record)->version - (steps % 2 == 0 ? 1 : 0);
      auto settle =
          rig.run([&](Env&) { return rig.chunk_records.settle_upload(name, seen, false, rig.reader, seconds(1)); });
      REQUIRE(settle.ok());
    }
    auto committed = commit(rig, begun);
    EXPECT_EQ(committed.ok(), steps % 2 == 0);
    rig.janitor();
    if (committed.ok()) {
      EXPECT(*rig.fetch("/f") == content);
    } else {
      EXPECT(rig.fetch("/f").is(Code::not_found));
    }
    EXPECT_EQ(rig.audit().unsettled, 0);
  }
}

TEST_CASE("a rename between commit and confirmation loses no reference") {
  FileRig rig;
  ByteVector content = random_bytes(20'000, 1);
  Begun begun;
  REQUIRE(rig.run([&](Env&) { return send_all(&rig, &begun, content); }).ok());
  // The service dies before it confirms.
  auto stop = [](Env&, FileService* service) -> Task<Status> {
    co_await service->stop();
    co_return Status();
  };
  REQUIRE(rig.world.run(rig.machine, stop, &rig.service).ok());
  REQUIRE(commit(rig, begun).ok());
  REQUIRE(rig.run([&](Env&) { return rig.names.mkdir(rig.root, "/d", Attributes(), Change()); }).ok());
  REQUIRE(rig.rename("/f", "/d/g").ok());
  rig.janitor();
  EXPECT(*rig.fetch("/d/g") == content);
  AuditReport report = rig.audit();
  EXPECT_EQ(report.unsettled, 0);
  EXPECT_EQ(report.chunks, rig.chunks_of("/d/g").size());
}

TEST_CASE("a file removed between commit and confirmation is given back") {
  FileRig rig;
  Begun begun;
  ByteVector content = random_bytes(20'000, 1);
  REQUIRE(rig.run([&](Env&) { return send_all(&rig, &begun, content); }).ok());
  auto stop = [](Env&, FileService* service) -> Task<Status> {
    co_await service->stop();
    co_return Status();
  };
  REQUIRE(rig.world.run(rig.machine, stop, &rig.service).ok());
  REQUIRE(commit(rig, begun).ok());
  REQUIRE(rig.unlink("/f").ok());
  rig.janitor();
  EXPECT_EQ(rig.audit().chunks, 0);
}

TEST_CASE("a holder that restarts between staging and sync is not taken for durable") {
  FileRig rig(3);
  rig.holders.before_sync = [&] {
    rig.holders.restart(1);
    rig.holders.restart(2);
  };
  ByteVector content = random_bytes(20'000, 1);
  REQUIRE(rig.store("/f", content).ok());
  // All power goes: what counts as held is there.
  for (std::size_t node = 1; node <= 3; ++node) rig.holders.restart(node);
  for (const ChunkId& chunk : rig.chunks_of("/f")) {
    ChunkRecord record = rig.record(chunk);
    EXPECT_GE(record.holders.size(), 2);
    for (const Holder& holder : record.holders)
      for (std::size_t node = 1; node <= 3; ++node)
        if (holder.node == MemoryHolders::id(node)) EXPECT(rig.holders.node(node).copies.contains(chunk));
  }
  EXPECT(*rig.fetch("/f") == content);
}

TEST_CASE("a late drop spares a newer copy of the same bytes") {
  FileRig rig;
  ByteVector content = random_bytes(4000, 1);
  REQUIRE(rig.store("/f", content).ok());
  ChunkId chunk = *rig.chunks_of("/f").begin();
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  std::vector<std::pair<NodeId, CopyNumber>> late;
  // The drops are written down and sent, but the network keeps them.
  FileTime condemned = rig.record(chunk).condemned;
  ChunkRecords::Erase lost = [&late](NodeId node, ChunkId, CopyNumber up_to) -> Task<Status> {
    late.emplace_back(node, up_to);
    return []() -> Task<Status> { co_return Code::timed_out; }();
  };
  REQUIRE(rig.run([&](Env&) { return rig.chunk_records.drop_step(chunk, condemned, lost, seconds(1)); }).ok());
  EXPECT(rig.run([&](Env&) { return rig.chunk_records.drop_step(chunk, condemned, lost, seconds(1)); })
             .is(Code::timed_out));
  REQUIRE_EQ(late.size(), 3);
  REQUIRE(rig.store("/g", content).ok());
  for (const auto& [node, up_to] : late)
    REQUIRE(rig.run([&](Env&) { return rig.holders.erase(node, chunk, up_to); }).ok());
  EXPECT_EQ(rig.holders.copies_of(chunk), 3);
  rig.janitor();
  EXPECT_EQ(rig.holders.copies_of(chunk), 3);
  EXPECT(*rig.fetch("/g") == content);
  EXPECT_EQ(rig.audit().defects, 0);
}

TEST_CASE("a receipt for a copy that a drop may erase counts for nothing") {
  StoredCopies stored;
  stored.chunk.bytes[0] = 9;
  Receipt receipt;
  receipt.chunk = stored.chunk;
  receipt.durable = true;
  receipt.node.bytes[0] = 1;
  receipt.copy = CopyNumber(1, 5);
  stored.receipts.push_back(receipt);
  auto record = with_copies(std::nullopt, stored, 1);
  REQUIRE(record.ok());
  REQUIRE(begin_drop(*record, receipt.node));
  EXPECT(with_copies(*record, stored, 1).is(Code::too_few_nodes));
  stored.receipts[0].copy = CopyNumber(1, 6);
  auto again = with_copies(*record, stored, 1);
  REQUIRE(again.ok());
  EXPECT_EQ(again->drops.size(), 1);
  EXPECT(!end_drop(*again, receipt.node, CopyNumber(1, 4)));
  EXPECT(end_drop(*again, receipt.node, CopyNumber(1, 5)));
  EXPECT_EQ(again->holders.size(), 1);
}

TEST_CASE("two stores of the same bytes and a delete in between leave the other whole") {
  FileRig rig;
  ByteVector content = random_bytes(12'000, 1);
  Begun second;
  REQUIRE(rig.store("/a", content).ok());
  REQUIRE(rig.run([&](Env&) { return send_all(&rig, &second, content); }).ok());
  REQUIRE(rig.unlink("/a").ok());
  rig.settle();
  REQUIRE(commit(rig, second).ok());
  rig.settle();
  rig.janitor();
  EXPECT(*rig.fetch("/f") == content);
  EXPECT_EQ(rig.audit().unsettled, 0);
}

TEST_CASE("copies that nobody has compared with the id are not shared with another key") {
  StoredCopies stored;
  stored.stored_by.bytes[0] = 1;
  Receipt receipt;
  receipt.durable = true;
  receipt.node.bytes[0] = 1;
  receipt.copy = CopyNumber(1, 5);
  stored.receipts.push_back(receipt);
  auto record = with_copies(std::nullopt, stored, 1);
  REQUIRE(record.ok());
  EXPECT(!record->checked);
  EXPECT(with_copies(*record, stored, 1).ok());
  stored.stored_by.bytes[0] = 2;
  EXPECT(with_copies(*record, stored, 1).is(Code::permission_denied));
  record->checked = true;
  EXPECT(with_copies(*record, stored, 1).is(Code::permission_denied));
  stored.receipts[0].checked = true;
  EXPECT(with_copies(*record, stored, 1).ok());
  auto anew = with_copies(std::nullopt, stored, 1);
  REQUIRE(anew.ok());
  EXPECT(anew->checked);
}

namespace {

// Stores one chunk of these bytes as somebody else, with copies on these nodes; the bytes on the last ones are others.
Status plant(FileRig& rig, const chunker::StoredChunk& chunk, std::size_t true_ones, std::size_t false_ones,
             StoredCopies* also = nullptr) {
  auto body = [](Env&, FileRig* of, const chunker::StoredChunk* of_chunk, std::size_t sound, std::size_t planted,
                 StoredCopies* out) -> Task<Status> {
    StoredCopies stored;
    stored.chunk = of_chunk->id;
    stored.stored_by.bytes[0] = 77;
    const chunker::StoredChunk wrong =
        chunker::pack(chunker::ChunkDraft::copy_of(random_bytes(4096, 99)), chunker::PackOrder());
    for (std::size_t number = 1; number <= sound + planted; ++number) {
      NodeId node = MemoryHolders::id(number);
      Buffer bytes = number <= sound ? of_chunk->stored : wrong.stored;
      CO_ASSIGN_OR_RETURN(Receipt staged, co_await of->holders.put(node, stored.chunk, 0, bytes, seconds(1)));
      std::vector<Receipt> one(1, std::move(staged));
      CO_ASSIGN_OR_RETURN(std::vector<Receipt> durable, co_await of->holders.sync(node, one, seconds(1)));
      stored.receipts.push_back(durable.at(0));
    }
    Upload terms;
    terms.stored_by = stored.stored_by;
    CO_ASSIGN_OR_RETURN(UploadName upload, co_await of->chunk_records.open_upload(Id(), terms, seconds(1)));
    stored.stored_size = stored.receipts[0].length;
    if (out) *out = stored;
    co_return co_await of->chunk_records.add_copies(std::move(stored), upload, 1, seconds(1));
  };
  return rig.world.run(rig.machine, body, &rig, &chunk, true_ones, false_ones, also);
}

std::size_t sound_copies(FileRig& rig, const ChunkId& chunk) {
  std::size_t sound = 0;
  for (const Holder& holder : rig.record(chunk).holders) {
    const auto& copies = rig.holders.all().at(holder.node).copies;
    auto copy = copies.find(chunk);
    if (copy != copies.end() && is_chunk(chunk, copy->second.form, copy->second.stored.view())) ++sound;
  }
  return sound;
}

}  // namespace

TEST_CASE("false copies that somebody recorded before count for nothing when the true bytes are stored") {
  FileRig rig;
  const ByteVector content = random_bytes(4096, 1);
  const chunker::StoredChunk chunk = chunker::pack(chunker::ChunkDraft::copy_of(content), chunker::PackOrder());
  REQUIRE(plant(rig, chunk, 1, 3).ok());
  REQUIRE(rig.store("/f", content).ok());
  EXPECT_GE(sound_copies(rig, chunk.id), 2);
  EXPECT_EQ(rig.record(chunk.id).holders.size(), sound_copies(rig, chunk.id));
  EXPECT(rig.record(chunk.id).checked);
  EXPECT(*rig.fetch("/f") == content);
}

TEST_CASE("nobody adds false copies to a chunk that others use") {
  FileRig rig;
  const ByteVector content = random_bytes(4096, 1);
  const chunker::StoredChunk chunk = chunker::pack(chunker::ChunkDraft::copy_of(content), chunker::PackOrder());
  REQUIRE(rig.store("/f", content).ok());
  rig.settle();
  std::vector<NodeId> holders;
  for (const Holder& holder : rig.record(chunk.id).holders) holders.push_back(holder.node);
  REQUIRE_EQ(holders.size(), 3);
  // The one that has none yet.
  auto body = [](Env&, FileRig* of, ChunkId id, std::vector<NodeId> has) -> Task<Status> {
    NodeId free = MemoryHolders::id(1);
    for (std::size_t number = 1; std::ranges::find(has, free) != has.end(); ++number) free = MemoryHolders::id(number);
    const chunker::StoredChunk wrong =
        chunker::pack(chunker::ChunkDraft::copy_of(random_bytes(4096, 99)), chunker::PackOrder());
    CO_ASSIGN_OR_RETURN(Receipt staged, co_await of->holders.put(free, id, 0, wrong.stored, seconds(1)));
    std::vector<Receipt> one(1, std::move(staged));
    StoredCopies stored;
    stored.chunk = id;
    CO_ASSIGN_OR_RETURN(stored.receipts, co_await of->holders.sync(free, one, seconds(1)));
    Upload terms;
    terms.stored_by.bytes[0] = 77;
    CO_ASSIGN_OR_RETURN(UploadName upload, co_await of->chunk_records.open_upload(Id(), terms, seconds(1)));
    std::vector<StoredCopies> copies(1, stored);
    co_return co_await of->service.add_copies(upload, std::move(copies), seconds(1));
  };
  EXPECT(rig.world.run(rig.machine, body, &rig, chunk.id, holders).is(Code::too_few_nodes));
  EXPECT_EQ(rig.record(chunk.id).holders.size(), 3);
}

TEST_CASE("size, form and code of a chunk are the holders' word") {
  FileRig rig;
  auto store = [](Env&, FileRig* of, bool coded) -> Task<Status> {
    const chunker::StoredChunk chunk =
        chunker::pack(chunker::ChunkDraft::copy_of(random_bytes(4096, 5)), chunker::PackOrder());
    CO_ASSIGN_OR_RETURN(OpenedUpload opened, co_await of->service.open_upload(of->root, "/f", 0, seconds(1)));
    StoredCopies stored;
    stored.chunk = chunk.id;
    stored.stored_size = UINT32_MAX;
    stored.form = kFormSealed;
    if (coded) stored.code.data = 4;
    if (coded) stored.code.parity = 2;
    for (std::size_t number = 1; number <= 3; ++number) {
      NodeId node = MemoryHolders::id(number);
      CO_ASSIGN_OR_RETURN(Receipt staged, co_await of->holders.put(node, chunk.id, 0, chunk.stored, seconds(1)));
      std::vector<Receipt> one(1, std::move(staged));
      CO_ASSIGN_OR_RETURN(std::vector<Receipt> durable, co_await of->holders.sync(node, one, seconds(1)));
      stored.receipts.push_back(durable.at(0));
    }
    std::vector<StoredCopies> copies(1, stored);
    CO_RETURN_IF_ERROR(co_await of->service.add_copies(opened.upload, std::move(copies), seconds(1)));
    CO_ASSIGN_OR_RETURN(std::optional<ChunkRecord> record, co_await of->chunk_records.get(chunk.id, seconds(1)));
    if (!record || record->stored_size != chunk.stored.size() || record->form != 0) co_return Code::damaged;
    co_return Status();
  };
  EXPECT(rig.world.run(rig.machine, store, &rig, true).is(Code::unsupported));
  EXPECT(rig.world.run(rig.machine, store, &rig, false).ok());
}
