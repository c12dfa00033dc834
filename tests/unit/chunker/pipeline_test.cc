#include "chunker/pipeline.h"

#include <cstdlib>
#include <deque>

#include "base/hash.h"
#include "base/real/thread_pool.h"
#include "chunker/manifest_builder.h"
#include "chunker/unpack.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

// Does nothing until told, and then in the order the test likes.
class HeldPool final : public Pool {
 public:
  explicit HeldPool(Loop& loop) : Pool(loop) {}
  void submit(UniqueFunction<void()> work, UniqueFunction<void()> done) override {
    jobs.emplace_back(std::move(work), std::move(done));
  }
  void run_job(std::size_t index) {
    auto job = std::move(jobs[index]);
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(index));
    job.first();
    job.second();
  }
  std::deque<std::pair<UniqueFunction<void()>, UniqueFunction<void()>>> jobs;
};

struct Flow {
  Status produced;
  bool ended = false;
  Status consumed;
  std::vector<ReadyChunk> chunks;
};

Task<void> produce(Pipeline& pipeline, ByteView bytes, std::vector<std::size_t> pieces, Flow& flow) {
  for (std::size_t i = 0; !bytes.empty() && flow.produced.ok(); ++i) {
    std::size_t count = std::min(pieces[i % pieces.size()], bytes.size());
    flow.produced = co_await pipeline.write(bytes.first(count));
    bytes = bytes.subspan(count);
  }
  if (flow.produced.ok()) flow.produced = co_await pipeline.finish();
}

Task<void> consume(Pipeline& pipeline, Flow& flow) {
  while (true) {
    auto next = co_await pipeline.next();
    if (!next.ok()) {
      flow.consumed = std::move(next).error();
      break;
    }
    if (!next->has_value()) break;
    flow.chunks.push_back(std::move(**next));
    flow.chunks.back().room.release();
  }
  flow.ended = true;
}

Flow through(World& world, const Policy& policy, Sealer* sealer, ByteView bytes,
             const std::vector<std::size_t>& pieces) {
  Flow flow;
  Pipeline::Options options;
  options.sealer = sealer;
  Pipeline pipeline(world.loop, world.pool, policy, options);
  TaskGroup group(world.loop);
  group.spawn(produce(pipeline, bytes, pieces, flow));
  group.spawn(consume(pipeline, flow));
  world.poll();
  group.spawn(pipeline.stop());
  world.poll();
  REQUIRE_EQ(group.size(), 0);
  REQUIRE(flow.ended);
  REQUIRE(flow.produced.ok());
  REQUIRE(flow.consumed.ok());
  return flow;
}

// The chunk's stored form from k random shards.
Buffer from_shards(Random& random, const ErasureCode& code, const ReadyChunk& ready) {
  ShardSet available = (ShardSet(1) << code.policy().shards()) - 1;
  for (int i = 0; i < code.policy().parity; ++i)
    available &= ~(ShardSet(1) << random.below(static_cast<std::uint64_t>(code.policy().shards())));
  std::size_t size = ready.chunk.stored.size();
  auto read = ShardRead::plan(code.policy(), size, 0, size, available);
  REQUIRE(read.ok());
  std::vector<ByteView> pieces;
  for (const ShardPiece& piece : read->pieces())
    pieces.push_back(
        ready.shards[static_cast<std::size_t>(piece.shard)].data.view().subspan(piece.offset, piece.length));
  auto stored = read->assemble(code, pieces);
  REQUIRE(stored.ok());
  return *stored;
}

// Chunks as large as those of real files: of many check blocks, and large enough to be sampled before compression.
Policy with_large_chunks(Random& random, Policy policy) {
  const auto average = static_cast<std::uint32_t>(64 * kKiB << random.below(7));
  policy.cut = random.chance(0.5) ? CutPolicy::fixed(random.chance(0.5) ? average : average - 1000)
                                  : CutPolicy::content(average);
  return policy;
}

// One case: any bytes, any split, any policy give the same bytes back.
void round_trip(Random& random, World& world, bool large) {
  Policy policy = any_policy(random);
  if (large) policy = with_large_chunks(random, policy);
  std::size_t boundary = policy.cut.average * (1 + random.below(3)), size = 0;
  switch (random.below(4)) {
    case 0:
      size = boundary - 1 + random.below(3);
      break;
    case 1:
      size = random.below(3);
      break;
    case 2:
      size = random.below(2000);
      break;
    default:
      size = random.below(large ? 3 * policy.cut.average : 60 * kKiB);
      break;
  }
  ByteVector bytes = any_bytes(random, size);
  std::vector<std::size_t> pieces;
  for (std::uint64_t i = 0, count = 1 + random.below(5); i < count; ++i)
    pieces.push_back(1 + random.below(random.chance(0.3) ? 100 : 40000));
  SecretKey key = SecretKey::generate(random);
  Sealer sealer(key, random);
  bool sealed = policy.sealing != Sealing::none;
  Flow flow = through(world, policy, sealed ? &sealer : nullptr, bytes, pieces);

  std::optional<ErasureCode> code;
  if (policy.code.coded()) code.emplace(policy.code);
  ManifestBuilder builder;
  std::size_t at = 0;
  for (const ReadyChunk& ready : flow.chunks) {
    const StoredChunk& chunk = ready.chunk;
    REQUIRE_EQ(chunk.file_offset, at);
    REQUIRE_EQ(chunk.header.sealed(), sealed);
    REQUIRE(check_blocks(chunk.stored, 0, chunk.sums).ok());
    REQUIRE_EQ(ready.shards.size(), static_cast<std::size_t>(policy.code.shards()));
    Buffer stored = code ? from_shards(random, *code, ready) : chunk.stored;
    auto plain = unpack(placed(chunk), stored, sealed ? &key : nullptr, Trust::nothing);
    REQUIRE(plain.ok());
    REQUIRE_EQ(plain->size(), chunk.header.plain_size);
    REQUIRE(equal(*plain, ByteView(bytes).subspan(at, plain->size())));
    at += plain->size();
    builder.add(Extent::of(chunk, policy.code));
  }
  REQUIRE_EQ(at, bytes.size());
  Manifest manifest = builder.finish();
  REQUIRE(validate(manifest).ok());
  REQUIRE_EQ(manifest.size, bytes.size());
  // One flipped bit anywhere in one chunk.
  if (flow.chunks.empty()) return;
  const StoredChunk& chunk = flow.chunks[random.below(flow.chunks.size())].chunk;
  Buffer bad = Buffer::copy_of(chunk.stored);
  bad.writable()[random.below(bad.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
  REQUIRE(!unpack(placed(chunk), bad, &key, Trust::nothing).ok());
  REQUIRE(!check_stored(chunk.id, chunk.header.form(), bad).ok());
}

}  // namespace

TEST_CASE("any bytes in any split under any policy come back, and a flipped bit never does") {
  // 100,000 with VORTEX_TEST_CASES=100000; a share of them by default.
  const char* wanted = std::getenv("VORTEX_TEST_CASES");
  const int cases = wanted != nullptr ? std::atoi(wanted) : 2000;
  World world;
  for (int number = 0; number < cases; ++number) {
    CAPTURE(number);
    SeededRandom random(static_cast<std::uint64_t>(number));
    round_trip(random, world, false);
  }
  for (int number = 0; number < cases / 40; ++number) {
    CAPTURE(number);
    SeededRandom random(0x1A26E00 + static_cast<std::uint64_t>(number));
    round_trip(random, world, true);
  }
}

TEST_CASE("files of 0, 1, boundary - 1, boundary and boundary + 1 bytes have the chunks one expects") {
  World world;
  SeededRandom random(1);
  Policy policy;
  for (auto [size, chunks] :
       {std::pair(std::size_t(0), 0u), std::pair(std::size_t(1), 1u), std::pair(kChunkSizeDefault - 1, 1u),
        std::pair(kChunkSizeDefault, 1u), std::pair(kChunkSizeDefault + 1, 2u)}) {
    ByteVector bytes = text_bytes(random, size), back;
    Flow flow = through(world, policy, nullptr, bytes, {1000000});
    EXPECT_EQ(flow.chunks.size(), chunks);
    for (const ReadyChunk& ready : flow.chunks) {
      auto plain = unpack(placed(ready.chunk), ready.chunk.stored, nullptr, Trust::nothing);
      REQUIRE(plain.ok());
      const ByteView view = *plain;
      back.insert(back.end(), view.begin(), view.end());
    }
    EXPECT(equal(back, bytes));
  }
}

TEST_CASE("chunks come out in order though the pool ends them in another, and the window holds the producer back") {
  asio::io_context context;
  Loop loop(context);
  HeldPool pool(loop);
  auto poll = [&context] {
    context.restart();
    context.poll();
  };
  Policy policy;
  policy.cut = CutPolicy::fixed(64 * kKiB);
  policy.compression = Compression::none;
  Pipeline::Options options;
  options.window = 5 * 66 * kKiB;
  SeededRandom random(2);
  ByteVector bytes = random_bytes(random, 20 * 64 * kKiB + 5);
  Flow flow;
  {
    Pipeline pipeline(loop, pool, policy, options);
    TaskGroup group(loop);
    group.spawn(produce(pipeline, bytes, {100000}, flow));
    group.spawn(consume(pipeline, flow));
    poll();
    while (!pool.jobs.empty()) {
      EXPECT_LE(pool.jobs.size(), 5);
      pool.run_job(random.below(pool.jobs.size()));
      poll();
    }
    EXPECT(flow.ended);
    group.spawn(pipeline.stop());
    poll();
  }
  REQUIRE_EQ(flow.chunks.size(), 21);
  for (std::size_t i = 0; i < flow.chunks.size(); ++i) EXPECT_EQ(flow.chunks[i].chunk.file_offset, i * 64 * kKiB);
}

TEST_CASE("a cancelled pipeline ends at once, waits for the pool and loses nothing of its memory") {
  asio::io_context context;
  Loop loop(context);
  HeldPool pool(loop);
  auto poll = [&context] {
    context.restart();
    context.poll();
  };
  Policy policy;
  policy.cut = CutPolicy::fixed(64 * kKiB);
  Pipeline::Options options;
  options.window = 3 * 140 * kKiB;
  ByteVector bytes(2 * kMiB, 7);
  Flow flow;
  Pipeline pipeline(loop, pool, policy, options);
  TaskGroup group(loop), stopping(loop);
  group.spawn(produce(pipeline, bytes, {100000}, flow));
  group.spawn(consume(pipeline, flow));
  poll();
  EXPECT_EQ(pool.jobs.size(), 3);
  group.cancel();
  poll();
  EXPECT_EQ(group.size(), 0);
  EXPECT(flow.produced.is(Code::cancelled));
  EXPECT(flow.consumed.is(Code::cancelled));
  stopping.spawn(pipeline.stop());
  stopping.cancel();
  poll();
  EXPECT_EQ(stopping.size(), 1);
  while (!pool.jobs.empty()) pool.run_job(0);
  poll();
  EXPECT_EQ(stopping.size(), 0);
}

TEST_CASE("a stream that broke off is never taken for a whole one") {
  asio::io_context context;
  Loop loop(context);
  HeldPool pool(loop);
  auto poll = [&context] {
    context.restart();
    context.poll();
  };
  Policy policy;
  policy.cut = CutPolicy::fixed(64 * kKiB);
  Pipeline::Options options;
  options.window = 3 * 140 * kKiB;
  ByteVector bytes(2 * kMiB, 7);
  Flow flow, late, other;
  Pipeline pipeline(loop, pool, policy, options);
  TaskGroup producer(loop), consumer(loop);
  producer.spawn(produce(pipeline, bytes, {100000}, flow));
  consumer.spawn(consume(pipeline, flow));
  poll();
  EXPECT(!pool.jobs.empty());
  producer.cancel();
  poll();
  EXPECT(flow.produced.is(Code::cancelled));
  // The consumer, whom nobody cancelled, hears of it, and so does whoever tries to end the stream or to go on with it.
  EXPECT(flow.ended);
  EXPECT(flow.consumed.is(Code::cancelled));
  auto end = [](Pipeline& pipe, Flow& into) -> Task<void> { into.produced = co_await pipe.finish(); };
  producer.spawn(end(pipeline, late));
  poll();
  EXPECT(late.produced.is(Code::cancelled));
  producer.spawn(produce(pipeline, bytes, {100000}, other));
  poll();
  EXPECT(other.produced.is(Code::cancelled));
  while (!pool.jobs.empty()) pool.run_job(0);
  producer.spawn(pipeline.stop());
  poll();
  EXPECT_EQ(producer.size() + consumer.size(), 0);
}

TEST_CASE("chunks that were taken count in the window until they are let go") {
  World world;
  Policy policy;
  policy.cut = CutPolicy::fixed(64 * kKiB);
  policy.compression = Compression::none;
  Pipeline::Options options;
  options.window = 4 * 66 * kKiB;
  SeededRandom random(12);
  ByteVector bytes = random_bytes(random, 20 * 64 * kKiB);
  Flow flow;
  std::deque<ReadyChunk> held;
  Pipeline pipeline(world.loop, world.pool, policy, options);
  TaskGroup group(world.loop);
  auto hoard = [](Pipeline& pipe, std::deque<ReadyChunk>& into, bool& ended) -> Task<void> {
    while (true) {
      auto next = co_await pipe.next();
      if (!next.ok() || !next->has_value()) break;
      into.push_back(std::move(**next));
    }
    ended = true;
  };
  group.spawn(produce(pipeline, bytes, {100000}, flow));
  group.spawn(hoard(pipeline, held, flow.ended));
  std::size_t taken = 0;
  for (; !flow.ended; ++taken) {
    world.poll();
    std::size_t memory = 0;
    for (const ReadyChunk& ready : held) memory += ready.memory;
    EXPECT_LE(memory, options.window);
    REQUIRE(!held.empty());
    if (taken == 0) EXPECT_EQ(held.size(), 4);
    held.pop_front();
    world.poll();
  }
  EXPECT_EQ(taken + held.size(), 20);
  group.spawn(pipeline.stop());
  world.poll();
}

TEST_CASE("a window too small for one chunk still lets the consumer hold one while he waits for the next") {
  World world;
  Policy policy;
  policy.cut = CutPolicy::fixed(64 * kKiB);
  Pipeline::Options options;
  options.window = 1;
  ByteVector bytes(10 * 64 * kKiB, 3);
  Flow flow;
  std::size_t count = 0;
  Pipeline pipeline(world.loop, world.pool, policy, options);
  TaskGroup group(world.loop);
  auto keep_last = [](Pipeline& pipe, std::size_t& taken) -> Task<void> {
    ReadyChunk last;
    while (true) {
      auto next = co_await pipe.next();
      if (!next.ok() || !next->has_value()) break;
      last = std::move(**next);
      ++taken;
    }
  };
  group.spawn(produce(pipeline, bytes, {1000}, flow));
  group.spawn(keep_last(pipeline, count));
  world.poll();
  EXPECT_EQ(count, 10);
  EXPECT(flow.produced.ok());
  group.spawn(pipeline.stop());
  world.poll();
}

TEST_CASE("what a chunk occupies is known and near its size, however it was cut") {
  World world;
  SeededRandom random(13);
  for (int round = 0; round < 30; ++round) {
    Policy policy = any_policy(random);
    policy.sealing = Sealing::none;
    policy.code = round % 2 == 0 ? CodePolicy() : CodePolicy{4, 2};
    Flow flow = through(world, policy, nullptr, any_bytes(random, 200000), {70000});
    for (const ReadyChunk& ready : flow.chunks) {
      std::size_t stored = ready.chunk.stored.size(), parity = 0;
      for (std::size_t i = 4; i < ready.shards.size(); ++i) parity += ready.shards[i].data.size();
      EXPECT_GE(ready.memory, stored + parity);
      EXPECT_LE(ready.memory, 2 * stored + parity);
    }
  }
}

TEST_CASE("an append seals its chunks to their place in the file") {
  World world;
  SeededRandom random(3);
  SecretKey key = SecretKey::generate(random);
  Sealer sealer(key, random);
  Policy policy;
  policy.sealing = Sealing::aes_256_gcm;
  Pipeline::Options options;
  options.sealer = &sealer;
  options.file_offset = 12345;
  Pipeline pipeline(world.loop, world.pool, policy, options);
  Flow flow;
  TaskGroup group(world.loop);
  ByteVector bytes(10, 'x');
  group.spawn(produce(pipeline, bytes, {3}, flow));
  group.spawn(consume(pipeline, flow));
  world.poll();
  REQUIRE_EQ(flow.chunks.size(), 1);
  const StoredChunk& chunk = flow.chunks[0].chunk;
  EXPECT_EQ(chunk.file_offset, 12345);
  PlacedExtent place = placed(chunk);
  EXPECT(unpack(place, chunk.stored, &key, Trust::nothing).ok());
  place.offset = 0;
  EXPECT(unpack(place, chunk.stored, &key, Trust::nothing).is(Code::damaged));
}

TEST_CASE("on real threads the same chunks come out as on one") {
  SeededRandom random(4);
  ByteVector bytes = text_bytes(random, 3 * kMiB);
  ByteVector noise = random_bytes(random, 3 * kMiB);
  bytes.insert(bytes.end(), noise.begin(), noise.end());
  Policy policy;
  policy.cut = CutPolicy::content(64 * kKiB);
  policy.code = CodePolicy{4, 2};
  policy.sealing = Sealing::aes_256_gcm;
  SecretKey key = SecretKey::generate(random);
  auto chunk_ids = [](const Flow& flow) {
    std::vector<ChunkId> ids;
    for (const ReadyChunk& ready : flow.chunks) ids.push_back(ready.chunk.id);
    return ids;
  };
  World world;
  SeededRandom salt(5), same_salt(5);
  Sealer sealer(key, salt), same_sealer(key, same_salt);
  Flow expected = through(world, policy, &sealer, bytes, {100000});

  asio::io_context context;
  auto guard = asio::make_work_guard(context);
  Loop loop(context);
  ThreadPool pool(loop, 3);
  Pipeline::Options options;
  options.sealer = &same_sealer;
  options.window = 4 * kMiB;
  Flow flow;
  Pipeline pipeline(loop, pool, policy, options);
  TaskGroup group(loop);
  group.spawn(produce(pipeline, bytes, {100000}, flow));
  group.spawn(consume(pipeline, flow));
  while (group.size() > 0) context.run_one();
  group.spawn(pipeline.stop());
  while (group.size() > 0) context.run_one();
  EXPECT(flow.produced.ok());
  EXPECT(chunk_ids(flow) == chunk_ids(expected));
}

TEST_CASE("nothing is left in a window when all that was taken is gone, nor after what nobody took was forgotten") {
  asio::io_context context;
  Loop loop(context);
  HeldPool pool(loop);
  auto poll = [&context] {
    context.restart();
    context.poll();
  };
  for (bool all_taken : {true, false}) {
    CAPTURE(all_taken);
    // A result weighs a tenth of what its work did.
    OrderedWindow<int> window(loop, pool, 1000, [](const int& value) { return static_cast<std::size_t>(value); });
    auto put_all = [](OrderedWindow<int>& into, Status& status) -> Task<void> {
      for (int i = 0; i < 5 && status.ok(); ++i) {
        auto work = [] { return 10; };
        UniqueFunction<int()> job(work);
        status = co_await into.put(100, std::move(job));
      }
      into.finish();
    };
    auto take = [](OrderedWindow<int>& from, std::size_t most, std::deque<WindowRoom>& rooms) -> Task<void> {
      while (rooms.size() < most) {
        auto next = co_await from.next();
        if (!next.ok() || !next->has_value()) break;
        rooms.push_back(std::move((*next)->room));
      }
    };
    Status status;
    std::deque<WindowRoom> rooms;
    TaskGroup group(loop);
    group.spawn(put_all(window, status));
    poll();
    EXPECT(status.ok());
    EXPECT_EQ(window.weight(), 500);
    while (!pool.jobs.empty()) pool.run_job(0);
    EXPECT_EQ(window.weight(), 50);
    group.spawn(take(window, all_taken ? 6 : 2, rooms));
    poll();
    EXPECT_EQ(rooms.size(), all_taken ? 5 : 2);
    EXPECT_EQ(window.weight(), 50);
    rooms.pop_front();
    EXPECT_EQ(window.weight(), 40);
    group.spawn(window.drain());
    poll();
    EXPECT_EQ(group.size(), 0);
    EXPECT_EQ(window.weight(), all_taken ? 40 : 10);
    rooms.clear();
    EXPECT_EQ(window.weight(), 0);
  }
}
