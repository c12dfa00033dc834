// The receiving side of repair: nothing is held, proven or promised that is not the chunk its id names.
#include "node/repair/copier.h"

#include "chunker/pack.h"
#include "node/files/chunk_record.h"
#include "tests/unit/node/file_rig.h"
#include "tests/unit/test.h"

namespace vortex::node {

namespace {

const NodeId kSelf = MemoryHolders::id(9), kSource = MemoryHolders::id(1);

chunker::StoredChunk packed(std::uint64_t seed) {
  return chunker::pack(chunker::ChunkDraft::copy_of(random_bytes(2000, seed)), chunker::PackOrder());
}

// A real store on a simulated disk, and sources in memory.
struct CopierRig {
  CopierRig()
      : store(rig.world.run(rig.machine, &open)),
        service(rig.machine.env(), kSelf, *store, rig.sealer),
        copier(rig.machine.env(), *store, service, rig.holders) {}
  ~CopierRig() {
    auto stop = [](Env&, ChunkStore* of) -> Task<Status> { co_return co_await of->stop(); };
    EXPECT(rig.world.run(rig.machine, stop, store.get()).ok());
  }
  static Task<std::unique_ptr<ChunkStore>> open(Env& env) {
    ChunkStoreOptions options;
    options.check = is_chunk;
    auto opened = co_await ChunkStore::open(env, "chunks", std::move(options));
    CHECK(opened.ok());
    co_return std::move(*opened);
  }
  // These bytes under this id, as a client may put them.
  CopyNumber put(const ChunkId& id, const chunker::StoredChunk& bytes) {
    auto body = [](Env&, CopierRig* of, ChunkId chunk, Buffer stored) -> Task<Result<PutResult>> {
      CO_ASSIGN_OR_RETURN(PutResult result, co_await of->store->put(chunk, std::move(stored)));
      CO_RETURN_IF_ERROR(co_await of->store->sync());
      co_return result;
    };
    auto result = rig.world.run(rig.machine, body, this, id, bytes.stored);
    CHECK(result.ok());
    return result->number;
  }
  bool proven(const ChunkId& id, CopyNumber at_least) {
    auto sound = rig.run([&](Env&) { return copier.prove(id, at_least); });
    CHECK(sound.ok());
    return *sound;
  }

  FileRig rig;
  std::unique_ptr<ChunkStore> store;
  ChunkService service;
  Copier copier;
};

}  // namespace

TEST_CASE("false bytes under an id are neither proven nor taken over: the true ones are fetched") {
  CopierRig rig;
  const chunker::StoredChunk wanted = packed(1), other = packed(2);
  const CopyNumber planted = rig.put(wanted.id, other);
  EXPECT(!rig.proven(wanted.id, planted));
  MemoryHolders::Copy& source = rig.rig.holders.node(1).copies[wanted.id];
  source.stored = wanted.stored;
  source.durable = true;
  auto copied = rig.rig.run([&](Env&) {
    return rig.copier.copy(wanted.id, static_cast<std::uint32_t>(wanted.stored.size()),
                           std::vector<NodeId>(1, kSource));
  });
  REQUIRE(copied.ok());
  EXPECT_EQ(copied->moved, wanted.stored.size());
  EXPECT(copied->receipt.durable);
  EXPECT(rig.proven(wanted.id, copied->receipt.copy));
  EXPECT(!rig.proven(wanted.id, CopyNumber(copied->receipt.copy.epoch, copied->receipt.copy.sequence + 1)));
}

TEST_CASE("true bytes that are there already are taken over without moving a byte") {
  CopierRig rig;
  const chunker::StoredChunk wanted = packed(1);
  const CopyNumber before = rig.put(wanted.id, wanted);
  auto copied = rig.rig.run([&](Env&) {
    return rig.copier.copy(wanted.id, static_cast<std::uint32_t>(wanted.stored.size()), std::vector<NodeId>());
  });
  REQUIRE(copied.ok());
  EXPECT_EQ(copied->moved, 0);
  EXPECT(copied->receipt.copy > before);
}

TEST_CASE("false bytes that somebody planted under an id get no receipt: the true ones are wanted") {
  CopierRig rig;
  const chunker::StoredChunk wanted = packed(1), other = packed(2);
  rig.put(wanted.id, other);
  EXPECT(rig.rig.run([&](Env&) { return rig.service.touch(wanted.id); }).is(Code::not_found));
  bool existed = true;
  auto put = rig.rig.run([&](Env&) { return rig.service.put(wanted.id, wanted.stored, 0, existed); });
  REQUIRE(put.ok());
  EXPECT(!existed);
  EXPECT(!put->checked);
  EXPECT(rig.proven(wanted.id, put->copy));
  auto touched = rig.rig.run([&](Env&) { return rig.service.touch(wanted.id); });
  REQUIRE(touched.ok());
  EXPECT(touched->checked);
}

TEST_CASE("true bytes that are sent where false ones lie take their place") {
  CopierRig rig;
  const chunker::StoredChunk wanted = packed(1), other = packed(2);
  rig.put(wanted.id, other);
  bool existed = true;
  auto put = rig.rig.run([&](Env&) { return rig.service.put(wanted.id, wanted.stored, 0, existed); });
  REQUIRE(put.ok());
  EXPECT(!existed);
  EXPECT(rig.proven(wanted.id, put->copy));
}

TEST_CASE("a receipt is not good for false bytes that took the place of the copy") {
  CopierRig rig;
  const chunker::StoredChunk wanted = packed(1), other = packed(2);
  bool existed = true;
  auto put = rig.rig.run([&](Env&) { return rig.service.put(wanted.id, wanted.stored, 0, existed); });
  REQUIRE(put.ok());
  REQUIRE(rig.rig.run([&](Env&) { return rig.store->erase(wanted.id, put->copy); }).ok());
  rig.put(wanted.id, other);
  EXPECT(rig.rig.run([&](Env&) { return rig.service.sync(std::vector<Receipt>(1, *put)); }).is(Code::stale));
}

TEST_CASE("a copy that is gone again is not said to be durable") {
  CopierRig rig;
  const chunker::StoredChunk chunk = packed(1);
  auto staged = rig.rig.run([&](Env&) { return rig.service.touch(chunk.id); });
  EXPECT(staged.is(Code::not_found));
  const CopyNumber put = rig.put(chunk.id, chunk);
  staged = rig.rig.run([&](Env&) { return rig.service.touch(chunk.id); });
  REQUIRE(staged.ok());
  EXPECT(staged->copy > put);
  auto synced = rig.rig.run([&](Env&) { return rig.service.sync(std::vector<Receipt>(1, *staged)); });
  REQUIRE(synced.ok());
  EXPECT(synced->at(0).durable);
  REQUIRE(rig.rig.run([&](Env&) { return rig.store->erase(chunk.id, staged->copy); }).ok());
  synced = rig.rig.run([&](Env&) { return rig.service.sync(std::vector<Receipt>(1, *staged)); });
  EXPECT(synced.is(Code::stale));
  // Put again under a higher number, the old receipt is good for it, too.
  rig.put(chunk.id, chunk);
  EXPECT(rig.rig.run([&](Env&) { return rig.service.sync(std::vector<Receipt>(1, *staged)); }).ok());
}

}  // namespace vortex::node
