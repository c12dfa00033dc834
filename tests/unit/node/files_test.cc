// Storing and fetching over a file system in one process.
#include "chunker/pack.h"
#include "tests/sim/dice.h"
#include "tests/unit/node/file_rig.h"

using namespace vortex;
using namespace vortex::node;

namespace {

// Bytes, then nothing for long, then bytes.
class SparseSource final : public ByteSource {
 public:
  SparseSource(ByteVector first, std::uint64_t hole, ByteVector last)
      : first_(std::move(first)), hole_(hole), last_(std::move(last)) {}
  Task<Result<Piece>> read(MutableBytes room) override {
    Piece piece;
    ByteVector& from = first_.empty() ? last_ : first_;
    if (first_.empty() && hole_ > 0) {
      piece.hole = std::exchange(hole_, 0);
    } else {
      piece.bytes = std::min(room.size(), from.size());
      std::copy_n(from.begin(), piece.bytes, room.begin());
      from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(piece.bytes));
    }
    co_return piece;
  }

 private:
  ByteVector first_;
  std::uint64_t hole_;
  ByteVector last_;
};

}  // namespace

TEST_CASE("files of every size come back whole and in ranges") {
  FilePolicy policy;
  FileRig rig(4, policy);
  for (std::size_t size : {std::size_t(0), std::size_t(1), 64 * kKiB - 1, 64 * kKiB, 64 * kKiB + 1, 4 * kMiB - 1,
                           4 * kMiB, 4 * kMiB + 1, 9 * kMiB}) {
    CAPTURE(size);
    ByteVector content = random_bytes(size, size);
    auto stored = rig.store("/f", content);
    REQUIRE(stored.ok());
    EXPECT_EQ(stored->size, size);
    EXPECT_EQ(stored->small(), size <= 64 * kKiB);
    REQUIRE(*rig.fetch("/f") == content);
    sim::Dice dice(size);
    for (int i = 0; i < 5; ++i) {
      std::uint64_t offset = dice.below(size + 10), length = dice.below(size + 10);
      std::uint64_t begin = std::min<std::uint64_t>(offset, size), end = std::min<std::uint64_t>(begin + length, size);
      ByteVector expected(content.begin() + static_cast<std::ptrdiff_t>(begin),
                          content.begin() + static_cast<std::ptrdiff_t>(end));
      REQUIRE(*rig.fetch("/f", offset, length) == expected);
    }
  }
  rig.settle();
  EXPECT_EQ(rig.audit().unsettled, 0);
}

TEST_CASE("compressed files come back, and those cut by content") {
  FilePolicy policy = FileRig::small_chunks();
  policy.chunks.cut = chunker::CutPolicy::content(16 * kKiB);
  policy.chunks.compression = chunker::Compression::lz4;
  FileRig rig(4, policy);
  ByteVector content = random_bytes(1000, 1);
  while (content.size() < 500'000) content.insert(content.end(), content.begin(), content.begin() + 700);
  REQUIRE(rig.store("/f", content).ok());
  EXPECT(*rig.fetch("/f") == content);
  EXPECT(*rig.fetch("/f", 123'456, 1000) == ByteVector(content.begin() + 123'456, content.begin() + 124'456));
}

TEST_CASE("a sparse file of a tebibyte takes the space of its bytes") {
  FileRig rig;
  const std::uint64_t hole = std::uint64_t(1) << 40;
  SparseSource source(random_bytes(5000, 1), hole, random_bytes(3000, 2));
  auto stored = rig.run([&](Env&) { return rig.storer.store("/sparse", source, StoreOptions()); });
  REQUIRE(stored.ok());
  EXPECT_EQ(stored->size, hole + 8000);
  EXPECT_EQ(rig.chunks_of("/sparse").size(), 3);
  EXPECT(*rig.fetch("/sparse", hole + 5000, 3000) == random_bytes(3000, 2));
  EXPECT(*rig.fetch("/sparse", 5000 + hole / 2, 10) == ByteVector(10));
}

TEST_CASE("a file that would be larger than a file can be is refused, and nothing of it is left") {
  FileRig rig;
  SparseSource source(random_bytes(5000, 1), chunker::kFileSizeMax, random_bytes(10, 2));
  EXPECT(rig.run([&](Env&) { return rig.storer.store("/huge", source, StoreOptions()); }).error().is(Code::too_large));
  REQUIRE(rig.store("/small", as_bytes("small")).ok());
  EXPECT(rig.write("/small", chunker::kFileSizeMax - 1, as_bytes("!!!!")).is(Code::too_large));
  EXPECT(*rig.fetch("/small") == to_vector(as_bytes(std::string_view("small"))));
  rig.settle();
  rig.janitor();
  EXPECT_EQ(rig.audit().chunks, 0);
}

TEST_CASE("where files are sealed, not even a small one is stored in the clear") {
  FilePolicy policy = FileRig::small_chunks();
  policy.chunks.sealing = chunker::Sealing::aes_256_gcm;
  FileRig rig(4, policy);
  EXPECT(rig.store("/f", as_bytes("a secret")).is(Code::unsupported));
  EXPECT(rig.fetch("/f").is(Code::not_found));
}

TEST_CASE("a small file of which more copies are promised than its name has becomes a chunk") {
  FilePolicy policy = FileRig::small_chunks();
  for (bool more : {false, true}) {
    policy.replicas_min = more ? 3 : 2;
    FileRig rig(4, policy);
    auto stored = rig.store("/f", as_bytes("small"));
    REQUIRE(stored.ok());
    EXPECT_EQ(stored->manifest.has_value(), more);
    EXPECT(*rig.fetch("/f") == to_vector(as_bytes(std::string_view("small"))));
  }
}

TEST_CASE("a chunk that is there is not sent again") {
  FileRig rig;
  ByteVector content = random_bytes(40'960, 1);
  REQUIRE(rig.store("/a", content).ok());
  std::uint64_t sent = rig.holders.puts;
  EXPECT_EQ(sent, 30);
  REQUIRE(rig.store("/b", content).ok());
  EXPECT_EQ(rig.holders.puts, sent);
  EXPECT_EQ(rig.chunks_of("/a"), rig.chunks_of("/b"));
  REQUIRE(rig.unlink("/a").ok());
  rig.settle();
  rig.janitor();
  EXPECT(*rig.fetch("/b") == content);
  EXPECT_EQ(rig.audit().defects, 0);
}

TEST_CASE("bytes of removed, replaced and failed files are given back") {
  FileRig rig;
  REQUIRE(rig.store("/a", random_bytes(40'960, 1)).ok());
  std::set<ChunkId> old = rig.chunks_of("/a");
  REQUIRE(rig.store("/a", random_bytes(20'480, 2)).ok());
  std::set<ChunkId> fresh = rig.chunks_of("/a");
  rig.settle();
  rig.janitor();
  for (const ChunkId& chunk : old) EXPECT_EQ(rig.holders.copies_of(chunk), 0);
  for (const ChunkId& chunk : fresh) EXPECT_EQ(rig.holders.copies_of(chunk), 3);
  REQUIRE(rig.unlink("/a").ok());
  rig.settle();
  rig.janitor();
  for (const ChunkId& chunk : fresh) EXPECT_EQ(rig.holders.copies_of(chunk), 0);
  AuditReport report = rig.audit();
  EXPECT_EQ(report.chunks, 0);
  EXPECT_EQ(report.references, 0);
  EXPECT_EQ(report.unsettled, 0);
}

TEST_CASE("writing into a file changes that part alone, and gives back what is not used any more") {
  FileRig rig;
  sim::Dice dice(5);
  ByteVector model = random_bytes(300'000, 1);
  REQUIRE(rig.store("/f", model).ok());
  for (std::uint64_t i = 0; i < 80; ++i) {
    std::uint64_t offset = dice.below(model.size() + 5000);
    ByteVector fresh = random_bytes(1 + dice.below(9000), i);
    if (dice.one_in(3)) offset = model.size();
    model.resize(std::max<std::size_t>(model.size(), offset + fresh.size()));
    std::copy(fresh.begin(), fresh.end(), model.begin() + static_cast<std::ptrdiff_t>(offset));
    auto written = rig.write("/f", offset, fresh);
    REQUIRE(written.ok());
    EXPECT_LE(written->uploads.size(), kUploadsMax);
  }
  EXPECT(*rig.fetch("/f") == model);
  rig.settle();
  rig.janitor();
  EXPECT(*rig.fetch("/f") == model);
  EXPECT_EQ(rig.audit().unsettled, 0);
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  rig.janitor();
  EXPECT_EQ(rig.audit().chunks, 0);
}

TEST_CASE("a small file grows into chunks, and a copy is made without moving a byte") {
  FileRig rig;
  REQUIRE(rig.store("/f", as_bytes("small")).ok());
  REQUIRE(rig.write("/f", 7, as_bytes("!")).ok());
  EXPECT(*rig.fetch("/f") == to_vector(as_bytes(std::string_view("small\0\0!", 8))));
  ByteVector more = random_bytes(50'000, 1);
  REQUIRE(rig.write("/f", 8, more).ok());
  EXPECT_EQ(rig.fetch("/f")->size(), 50'008);
  std::uint64_t puts = rig.holders.puts;
  REQUIRE(rig.copy("/f", "/g").ok());
  EXPECT_EQ(rig.holders.puts, puts);
  REQUIRE(rig.unlink("/f").ok());
  rig.settle();
  rig.janitor();
  EXPECT_EQ(rig.fetch("/g")->size(), 50'008);
  EXPECT_EQ(rig.audit().defects, 0);
}

TEST_CASE("a slow or dead owner has another in its place") {
  FileRig rig(5);
  rig.holders.node(1).dead = true;
  rig.holders.node(2).delay = seconds(30);
  ByteVector content = random_bytes(40'960, 1);
  REQUIRE(rig.store("/f", content).ok());
  for (const ChunkId& chunk : rig.chunks_of("/f")) {
    EXPECT_GE(rig.record(chunk).holders.size(), 3);
    EXPECT_EQ(holder_of(rig.record(chunk), MemoryHolders::id(1)), nullptr);
  }
  EXPECT(*rig.fetch("/f") == content);
}

TEST_CASE("too few nodes for the policy fail a store clearly, and nothing of it is left") {
  FileRig rig(3);
  rig.holders.node(1).dead = rig.holders.node(2).dead = true;
  EXPECT(rig.store("/f", random_bytes(10'000, 1)).is(Code::too_few_nodes));
  EXPECT(rig.fetch("/f").is(Code::not_found));
  rig.janitor();
  EXPECT_EQ(rig.audit().chunks, 0);
}

TEST_CASE("a read is hedged when its holder is slow, and goes on when a copy is bad or missing") {
  FileRig rig(3);
  ByteVector content = random_bytes(40'960, 1);
  REQUIRE(rig.store("/f", content).ok());
  REQUIRE(*rig.fetch("/f") == content);
  rig.holders.node(1).delay = seconds(5);
  Duration before = rig.world.now();
  EXPECT(*rig.fetch("/f") == content);
  EXPECT_LT(to_ms(rig.world.now() - before), 3000);
  rig.holders.node(1).copies.clear();
  rig.holders.node(2).dead = true;
  EXPECT(*rig.fetch("/f") == content);
}

TEST_CASE("a range costs only its chunks") {
  FileRig rig(3);
  REQUIRE(rig.store("/f", random_bytes(400'000, 1)).ok());
  REQUIRE(rig.fetch("/f", 100'000, 10).ok());
  std::uint64_t before = rig.holders.gets;
  REQUIRE(rig.fetch("/f", 100'000, 10).ok());
  EXPECT_LE(rig.holders.gets - before, 3);
}

TEST_CASE("the same bytes stored with another key are compared with their id before they are shared") {
  FileRig rig(3);
  ByteVector content = random_bytes(20'000, 1);
  REQUIRE(rig.store("/a", content).ok());
  std::uint64_t puts = rig.holders.puts;
  Caller other = Caller::root();
  other.key = "another";
  LocalFiles files(rig.service, other);
  Storer storer(rig.machine.env(), files, rig.holders);
  MemorySource source(content);
  REQUIRE(rig.run([&](Env&) { return storer.store("/b", source, StoreOptions()); }).ok());
  EXPECT_EQ(rig.holders.puts, puts);
  for (const ChunkId& chunk : rig.chunks_of("/b")) EXPECT(rig.record(chunk).checked);
  EXPECT(*rig.fetch("/b") == content);
}

TEST_CASE("a chunk is not taken for gone because its record could not be asked for") {
  FileRig rig(3);
  ChunkId nobody;
  nobody.bytes[0] = 1;
  EXPECT(rig.run([&](Env&) { return rig.reader.load(nobody); }).is(Code::not_found));
  dht::LocalRecordsOptions busy;
  busy.busy = 1;
  rig.records.set_options(busy);
  EXPECT(rig.run([&](Env&) { return rig.reader.load(nobody); }).is(Code::busy));
  rig.records.set_options(dht::LocalRecordsOptions());
}

TEST_CASE("a small file lives with its name only where names are as durable as its policy wants") {
  for (std::size_t durable : {1, 2}) {
    FileRig rig;
    rig.durable = durable;
    const ByteVector content = random_bytes(50, 1);
    auto stored = rig.store("/f", content);
    REQUIRE(stored.ok());
    EXPECT_EQ(stored->manifest.has_value(), durable < 2);
    EXPECT(*rig.fetch("/f") == content);
  }
}

TEST_CASE("chunks that keep more memory than they have bytes do not stop their own store") {
  FileRig rig;
  StoreOptions options;
  options.window_bytes = 64 * 1024;
  auto body = [](Env&, FileRig* of, StoreOptions with) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(OpenedUpload opened, co_await of->files.open_upload("/f", 0, seconds(1)));
    UploadRun run(of->machine.env(), of->files, of->holders, opened, with);
    Status added;
    for (std::uint64_t i = 0; added.ok() && i < 40; ++i) {
      auto chunk = chunker::pack(chunker::ChunkDraft::copy_of(random_bytes(2000, i)), chunker::PackOrder());
      chunk.memory = 4100;
      added = co_await run.add(std::move(chunk));
    }
    if (added.ok()) added = co_await run.finish();
    co_await run.stop();
    co_return added;
  };
  // 16 of them, of 4,100 bytes each in a window for 15, have less than half a window of bytes.
  EXPECT(rig.world.run(rig.machine, body, &rig, options).ok());
}

TEST_CASE("the chunks of a slow source are recorded while it goes on") {
  FileRig rig;
  auto body = [](Env& env, FileRig* of) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(OpenedUpload opened, co_await of->files.open_upload("/f", 0, seconds(1)));
    StoreOptions options;
    UploadRun run(env, of->files, of->holders, opened, options);
    auto chunk = chunker::pack(chunker::ChunkDraft::copy_of(random_bytes(2000, 1)), chunker::PackOrder());
    const ChunkId id = chunk.id;
    Status added = co_await run.add(std::move(chunk));
    if (added.ok()) added = co_await sleep_for(env, seconds(90));
    auto record = co_await of->chunk_records.get(id, seconds(1));
    co_await run.stop();
    if (!added.ok()) co_return added;
    if (!record.ok() || !record->has_value()) co_return Code::not_found;
    co_return Status();
  };
  EXPECT(rig.world.run(rig.machine, body, &rig).ok());
}
