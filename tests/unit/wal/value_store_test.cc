#include "wal/value_store/store.h"

#include "base/hash.h"
#include "tests/unit/wal/value_store_model.h"
#include "tests/unit/wal/value_store_rig.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
ByteVector bytes_of(std::size_t size, std::uint64_t seed) {
  sim::Dice dice(seed);
  ByteVector bytes(size);
  dice.fill(bytes);
  return bytes;
}
Id id_of(std::uint64_t n) { return model_id(n); }
}  // namespace

TEST_CASE("values of every size are read back whole and in ranges, before and after a restart") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  const std::size_t sizes[] = {0, 1, 300, 4096, 65535, 65536, 65537, 200'000, 1'000'003, 4 * kMiB, kValueBytesMax};
  std::uint64_t n = 0;
  for (std::size_t size : sizes) {
    auto put = rig.put(id_of(n), bytes_of(size, n), static_cast<std::uint16_t>(n));
    REQUIRE(put.ok());
    EXPECT(!put->existed);
    EXPECT_EQ(put->length, size);
    ++n;
  }
  auto check = [&] {
    sim::Dice dice(3);
    for (std::uint64_t i = 0; i < n; ++i) {
      const ByteVector expected = bytes_of(sizes[i], i);
      auto whole = rig.get(id_of(i));
      REQUIRE(whole.ok());
      REQUIRE(equal(whole->bytes, expected));
      EXPECT_EQ(whole->form, i);
      for (int range = 0; range < 5; ++range) {
        std::uint64_t offset = dice.below(sizes[i] + 1), length = dice.below(sizes[i] + 100);
        auto part = rig.get(id_of(i), offset, length);
        REQUIRE(part.ok());
        length = std::min<std::uint64_t>(length, sizes[i] - offset);
        REQUIRE(equal(part->bytes, ByteView(expected).subspan(offset, length)));
        EXPECT_EQ(part->length, sizes[i]);
      }
      EXPECT(rig.get(id_of(i), sizes[i] + 1, 1).is(Code::invalid_argument));
    }
  };
  check();
  REQUIRE(rig.reopen().ok());
  EXPECT_EQ(rig.store->stats().values, n);
  check();
  EXPECT(rig.get(id_of(99)).is(Code::not_found));
  EXPECT(rig.put(id_of(99), ByteVector(kValueBytesMax + 1)).is(Code::too_large));
  EXPECT(rig.damages.empty());
}

TEST_CASE("a small value costs at most 400 bytes on disk for its 300") {
  StoreRig rig;
  rig.options.segment_bytes = kMiB;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 1000; ++n) REQUIRE(rig.put(id_of(n), bytes_of(300, n)).ok());
  REQUIRE(rig.sync().ok());
  EXPECT_LE(rig.store->stats().stored_bytes, 400 * 1000);
}

TEST_CASE("putting bytes again gives a newer copy number, and only the newest number erases") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  ByteVector bytes = bytes_of(5000, 1);
  auto first = rig.put(id_of(1), bytes);
  auto second = rig.put(id_of(1), bytes);
  REQUIRE((first.ok() && second.ok()));
  EXPECT(second->existed);
  EXPECT(second->number > first->number);
  REQUIRE(rig.sync().ok());
  EXPECT(*rig.erase(id_of(1), first->number) == Erased::newer);
  // The number lives on a restart, with the index and without it, and when the records move.
  REQUIRE(rig.reopen().ok());
  EXPECT(*rig.erase(id_of(1), first->number) == Erased::newer);
  rig.machine.kill();
  for (const std::string& name : rig.files("index.")) REQUIRE(rig.machine.drive().files().remove(name).ok());
  REQUIRE(rig.open().ok());
  EXPECT(*rig.erase(id_of(1), first->number) == Erased::newer);
  auto third = rig.run([&](Env&) { return rig.store->touch(id_of(1)); });
  REQUIRE(third.ok());
  EXPECT(third->number > second->number);
  EXPECT(*rig.erase(id_of(1), second->number) == Erased::newer);
  EXPECT(rig.get(id_of(1))->number == third->number);
  EXPECT(*rig.erase(id_of(1), third->number) == Erased::done);
  EXPECT(*rig.erase(id_of(1), third->number) == Erased::absent);
  EXPECT(rig.get(id_of(1)).is(Code::not_found));
  REQUIRE(rig.reopen().ok());
  EXPECT(rig.get(id_of(1)).is(Code::not_found));
}

TEST_CASE("a sync that names copies of an earlier start fails, whatever became of them") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  auto put = rig.put(id_of(1), bytes_of(100, 1));
  REQUIRE(put.ok());
  std::vector<std::uint64_t> sequences(1, put->number.sequence);
  EXPECT(rig.run([&](Env&) { return rig.store->sync(put->number.epoch, sequences); }).ok());
  std::vector<std::uint64_t> unknown(1, put->number.sequence + 1);
  EXPECT(rig.run([&](Env&) { return rig.store->sync(put->number.epoch, unknown); }).is(Code::invalid_argument));
  rig.machine.power_cut();
  REQUIRE(rig.open().ok());
  EXPECT_GT(rig.store->epoch(), put->number.epoch);
  EXPECT(rig.run([&](Env&) { return rig.store->sync(put->number.epoch, sequences); }).is(Code::stale));
  EXPECT(rig.get(id_of(1)).ok());
}

TEST_CASE("an epoch that is not above the last one is refused") {
  StoreRig rig;
  rig.options.epoch = 7;
  REQUIRE(rig.open().ok());
  EXPECT_EQ(rig.store->epoch(), 7);
  REQUIRE(rig.close().ok());
  EXPECT(rig.open().is(Code::bad_config));
  rig.options.epoch = 8;
  EXPECT(rig.open().ok());
}

TEST_CASE("many syncs share one round") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 50; ++n) REQUIRE(rig.put(id_of(n), bytes_of(100, n)).ok());
  const std::uint64_t before = rig.store->stats().syncs;
  std::vector<std::optional<Status>> ended(100);
  auto one = [](ValueStore& store, std::optional<Status>& out) -> Task<void> { out = co_await store.sync(); };
  for (auto& out : ended) rig.machine.spawn(one(*rig.store, out));
  rig.world.run_for(seconds(1));
  for (auto& out : ended) REQUIRE((out && out->ok()));
  // The first one's, and one for all who came while it ran.
  EXPECT_LE(rig.store->stats().syncs - before, 2);
}

TEST_CASE("a damaged copy is never served, is set aside and named, and can be put anew") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  const ByteVector bytes = bytes_of(100'000, 1);
  REQUIRE(rig.put(id_of(1), bytes).ok());
  REQUIRE(rig.put(id_of(2), bytes_of(100, 2)).ok());
  REQUIRE(rig.sync().ok());
  const std::string segment = rig.files("segment-").front();
  REQUIRE(rig.machine.drive().flip_bit(segment, 70'000, 3).ok());
  EXPECT(rig.get(id_of(1)).is(Code::damaged));
  // A range that the damage does not touch is still sound.
  rig.world.run_for(seconds(1));
  REQUIRE_EQ(rig.damages.size(), 1);
  EXPECT(rig.damages[0].id == id_of(1));
  EXPECT(rig.damages[0].kept);
  EXPECT(rig.get(id_of(1)).is(Code::not_found));
  EXPECT_EQ(rig.machine.drive().files().list("values/quarantine")->size(), 1);
  REQUIRE(rig.reopen().ok());
  EXPECT(rig.get(id_of(1)).is(Code::not_found));
  auto put = rig.put(id_of(1), bytes);
  REQUIRE(put.ok());
  EXPECT(!put->existed);
  REQUIRE(rig.reopen().ok());
  EXPECT(equal(rig.get(id_of(1))->bytes, bytes));
  EXPECT(rig.get(id_of(2)).ok());
}

TEST_CASE("ranges beside the damage are served, ranges across it are not") {
  StoreRig rig;
  rig.options.segment_bytes = kMiB;
  REQUIRE(rig.open().ok());
  const ByteVector bytes = bytes_of(300'000, 1);
  REQUIRE(rig.put(id_of(1), bytes).ok());
  REQUIRE(rig.machine.drive().flip_bit(rig.files("segment-").front(), 200'000, 0).ok());
  EXPECT(rig.get(id_of(1), 0, 100'000).ok());
  EXPECT(rig.get(id_of(1), 263'000, 10'000).ok());
  EXPECT(rig.get(id_of(1), 190'000, 10'000).is(Code::damaged));
}

TEST_CASE("bytes already there are looked at before a put vouches for them") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  const ByteVector bytes = bytes_of(3000, 1);
  REQUIRE(rig.put(id_of(1), bytes).ok());
  REQUIRE(rig.machine.drive().flip_bit(rig.files("segment-").front(), 1000, 5).ok());
  auto again = rig.put(id_of(1), bytes);
  REQUIRE(again.ok());
  EXPECT(!again->existed);
  EXPECT_EQ(rig.damages.size(), 1);
  EXPECT(equal(rig.get(id_of(1))->bytes, bytes));
}

TEST_CASE("a read that goes wrong once costs nothing but a second read") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 50; ++n) REQUIRE(rig.put(id_of(n), bytes_of(2000, n)).ok());
  rig.machine.drive().options().cached = 0;
  rig.machine.drive().options().read_flips = 0.05;
  for (std::uint64_t n = 0; n < 500; ++n) {
    auto value = rig.get(id_of(n % 50));
    if (value.ok()) REQUIRE(equal(value->bytes, bytes_of(2000, n % 50)));
  }
  rig.machine.drive().options().read_flips = 0;
  rig.world.run_for(seconds(1));
  for (std::uint64_t n = 0; n < 50; ++n) {
    bool aside = std::any_of(rig.damages.begin(), rig.damages.end(), [&](auto& d) { return d.id == id_of(n); });
    REQUIRE((aside || equal(rig.get(id_of(n))->bytes, bytes_of(2000, n))));
  }
  EXPECT_LE(rig.damages.size(), 5);
}

TEST_CASE("a full disk refuses puts and nothing else; what is erased makes room") {
  StoreRig rig;
  rig.machine.drive().set_capacity(3 * kMiB);
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  std::uint64_t n = 0;
  for (;; ++n) {
    auto put = rig.put(id_of(n), bytes_of(20'000, n));
    if (!put.ok()) {
      EXPECT(put.is(Code::no_space));
      break;
    }
    numbers.push_back(put->number);
    REQUIRE(n < 1000);
  }
  EXPECT_GT(n, 100);
  REQUIRE(rig.sync().ok());
  EXPECT(rig.put(id_of(5000), bytes_of(20'000, 1)).is(Code::no_space));
  for (std::uint64_t i = 0; i < n; ++i) REQUIRE(equal(rig.get(id_of(i))->bytes, bytes_of(20'000, i)));
  REQUIRE(rig.reopen().ok());
  for (std::uint64_t i = 0; i < n; ++i)
    if (i % 4 != 0) REQUIRE(*rig.erase(id_of(i), numbers[i]) == Erased::done);
  auto freed = rig.reclaim();
  REQUIRE(freed.ok());
  EXPECT_GT(freed->bytes_freed, kMiB);
  EXPECT(rig.put(id_of(5000), bytes_of(20'000, 1)).ok());
  for (std::uint64_t i = 0; i < n; i += 4) REQUIRE(equal(rig.get(id_of(i))->bytes, bytes_of(20'000, i)));
}

TEST_CASE("the capacity a node was given is a limit like the disk's") {
  StoreRig rig;
  rig.options.capacity_bytes = 100'000;
  REQUIRE(rig.open().ok());
  REQUIRE(rig.put(id_of(1), bytes_of(90'000, 1)).ok());
  EXPECT(rig.put(id_of(2), bytes_of(90'000, 2)).is(Code::no_space));
  EXPECT(rig.put(id_of(3), bytes_of(1000, 3)).ok());
}

TEST_CASE("one directory belongs to one store at a time") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  auto second = rig.run([&](Env& env) { return ValueStore::open(env, "values", rig.options); });
  EXPECT(second.is(Code::in_use));
}

TEST_CASE("a store of a later version is refused") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  REQUIRE(rig.close().ok());
  StoreFile file;
  file.version = kStoreVersion + 1;
  auto write = [](Env& env, ByteVector bytes) -> Task<Status> {
    co_return co_await replace_file(env.disk(), "values/STORE", bytes);
  };
  REQUIRE(rig.run([&](Env& env) { return write(env, encode_store_file(file)); }).ok());
  EXPECT(rig.open().is(Code::unsupported_version));
}

TEST_CASE("a restart reads only what came after the last index checkpoint") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 200; ++n) REQUIRE(rig.put(id_of(n), bytes_of(500, n)).ok());
  REQUIRE(rig.checkpoint().ok());
  for (std::uint64_t n = 200; n < 210; ++n) REQUIRE(rig.put(id_of(n), bytes_of(500, n)).ok());
  REQUIRE(rig.sync().ok());
  rig.machine.power_cut();
  REQUIRE(rig.open().ok());
  EXPECT_LE(rig.store->open_report().records_read, 20);
  for (std::uint64_t n = 0; n < 210; ++n) REQUIRE(equal(rig.get(id_of(n))->bytes, bytes_of(500, n)));
  REQUIRE(rig.reopen().ok());
  EXPECT_EQ(rig.store->open_report().records_read, 0);
  EXPECT_EQ(rig.store->stats().values, 210);
}

TEST_CASE("without its index a store is read from its segments, and what was erased stays away") {
  StoreRig rig;
  rig.options.reclaim_dead_share = 0.25;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 200; ++n) numbers.push_back(rig.put(id_of(n), bytes_of(2000, n))->number);
  for (std::uint64_t n = 0; n < 200; n += 3) REQUIRE(rig.erase(id_of(n), numbers[n]).ok());
  REQUIRE(rig.checkpoint().ok());
  auto reclaimed = rig.reclaim();
  REQUIRE(reclaimed.ok());
  EXPECT_GT(reclaimed->segments, 0);
  for (std::uint64_t n = 1; n < 200; n += 30) REQUIRE(rig.erase(id_of(n), numbers[n]).ok());
  REQUIRE(rig.close().ok());
  for (const std::string& name : rig.files("index.")) REQUIRE(rig.machine.drive().flip_bit(name, 500, 1).ok());
  REQUIRE(rig.open().ok());
  EXPECT(rig.store->open_report().index_damaged);
  for (std::uint64_t n = 0; n < 200; ++n) {
    const bool erased = n % 3 == 0 || n % 30 == 1;
    if (erased) {
      REQUIRE(rig.get(id_of(n)).is(Code::not_found));
    } else {
      REQUIRE(equal(rig.get(id_of(n))->bytes, bytes_of(2000, n)));
    }
  }
}

TEST_CASE("reclaiming everything that was erased leaves almost nothing, tombstones included") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (int round = 0; round < 5; ++round) {
    std::vector<CopyNumber> numbers;
    for (std::uint64_t n = 0; n < 300; ++n) numbers.push_back(rig.put(id_of(n), bytes_of(1500, n))->number);
    for (std::uint64_t n = 0; n < 300; ++n) REQUIRE(*rig.erase(id_of(n), numbers[n]) == Erased::done);
  }
  REQUIRE(rig.reclaim().ok());
  REQUIRE(rig.reclaim().ok());
  REQUIRE(rig.reclaim().ok());
  EXPECT_LE(rig.store->stats().stored_bytes, 20'000);
  EXPECT_EQ(rig.store->stats().values, 0);
  REQUIRE(rig.reopen().ok());
  EXPECT_EQ(rig.store->stats().values, 0);
}

TEST_CASE("a segment that cannot be removed holds up no other, and goes when it can") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 300; ++n) numbers.push_back(rig.put(id_of(n), bytes_of(1500, n))->number);
  for (std::uint64_t n = 0; n < 300; ++n) REQUIRE(*rig.erase(id_of(n), numbers[n]) == Erased::done);
  sim::DiskFault fault;
  fault.op = sim::DiskOp::remove;
  fault.path = "segment-";
  fault.skip = 1;
  rig.machine.drive().fail(fault);
  EXPECT(rig.reclaim().is(Code::io_error));
  EXPECT_EQ(rig.files("segment-").size(), rig.store->stats().segments);
  REQUIRE(rig.reclaim().ok());
  REQUIRE(rig.reclaim().ok());
  EXPECT_LE(rig.store->stats().stored_bytes, 20'000);
  EXPECT_EQ(rig.files("segment-").size(), rig.store->stats().segments);
}

TEST_CASE("reclaiming begins nothing that the room left could not hold") {
  StoreRig rig;
  rig.options.reclaim_dead_share = 0.2;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 300; ++n) numbers.push_back(rig.put(id_of(n), bytes_of(1500, n))->number);
  for (std::uint64_t n = 0; n < 300; n += 3) REQUIRE(*rig.erase(id_of(n), numbers[n]) == Erased::done);
  // Less than the live rest of any segment, and enough for tombstones.
  rig.machine.drive().set_capacity(rig.machine.drive().space().used + 30 * kKiB);
  auto nothing = rig.reclaim();
  REQUIRE(nothing.ok());
  EXPECT_EQ(nothing->bytes_copied, 0);
  for (std::uint64_t n = 1; n < 300; n += 3) REQUIRE(*rig.erase(id_of(n), numbers[n]) == Erased::done);
  for (std::uint64_t n = 2; n < 300; n += 3) REQUIRE(equal(rig.get(id_of(n))->bytes, bytes_of(1500, n)));
}

TEST_CASE("reclaiming comes to an end, and has nothing to do after it") {
  StoreRig rig;
  rig.options.reclaim_dead_share = 0.05;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 100; ++n) numbers.push_back(rig.put(id_of(n), bytes_of(3000, n))->number);
  for (std::uint64_t n = 0; n < 100; n += 7) REQUIRE(rig.erase(id_of(n), numbers[n]).ok());
  for (std::uint64_t n = 1; n < 100; n += 7) REQUIRE(rig.put(id_of(n), bytes_of(3000, n)).ok());
  REQUIRE(rig.reclaim().ok());
  auto again = rig.reclaim();
  REQUIRE(again.ok());
  EXPECT_LE(again->segments, 3);
  auto last = rig.reclaim();
  REQUIRE(last.ok());
  EXPECT_EQ(last->segments, 0);
}

TEST_CASE("reads go on while their segment is reclaimed") {
  StoreRig rig;
  rig.options.open_files_max = 2;
  rig.machine.drive().options().cached = 0;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 300; ++n) numbers.push_back(rig.put(id_of(n), bytes_of(3000, n))->number);
  for (std::uint64_t n = 0; n < 300; ++n)
    if (n % 5 != 0) REQUIRE(rig.erase(id_of(n), numbers[n]).ok());
  rig.store->seal_segments();
  REQUIRE(rig.sync().ok());
  struct Reader {
    std::uint64_t reads = 0, wrong = 0;
    bool stop = false;
  } reader;
  auto read = [](ValueStore& store, Reader& it) -> Task<void> {
    for (std::uint64_t n = 0; !it.stop; n = (n + 5) % 300) {
      auto value = co_await store.get(model_id(n));
      ++it.reads;
      if (!value.ok() || !equal(value->bytes, bytes_of(3000, n))) ++it.wrong;
    }
  };
  for (int i = 0; i < 8; ++i) rig.machine.spawn(read(*rig.store, reader));
  auto report = rig.run([&](Env&) { return rig.store->reclaim(); });
  reader.stop = true;
  rig.world.run_for(seconds(1));
  REQUIRE(report.ok());
  EXPECT_GT(report->segments, 5);
  EXPECT_GT(reader.reads, 100);
  EXPECT_EQ(reader.wrong, 0);
}

TEST_CASE("a scrub finds what has rotted, and goes on where another one stopped") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 400; ++n) REQUIRE(rig.put(id_of(n), bytes_of(1500, n)).ok());
  REQUIRE(rig.sync().ok());
  auto clean = rig.run([&](Env&) { return rig.store->scrub(ScrubOptions()); });
  REQUIRE(clean.ok());
  EXPECT_EQ(clean->values, 400);
  EXPECT_EQ(clean->damaged, 0);
  // In a value, in a header, and in a magic.
  auto segments = rig.files("segment-");
  REQUIRE(rig.machine.drive().flip_bit(segments[0], kSegmentHeaderBytes + 500, 1).ok());
  REQUIRE(rig.machine.drive().flip_bit(segments[1], kSegmentHeaderBytes + 20, 1).ok());
  REQUIRE(rig.machine.drive().flip_bit(segments[2], kSegmentHeaderBytes + 8, 1).ok());
  ScrubPosition half;
  ScrubOptions options;
  options.from.segment = 2;
  options.bytes_per_second = 10 * kMiB;
  options.on_position = [&](ScrubPosition position) { half = position; };
  auto second = rig.run([&](Env&) { return rig.store->scrub(options); });
  REQUIRE(second.ok());
  EXPECT_EQ(second->damaged, 2);
  auto whole = rig.run([&](Env&) { return rig.store->scrub(ScrubOptions()); });
  REQUIRE(whole.ok());
  EXPECT_EQ(whole->damaged, 1);
  REQUIRE_EQ(rig.damages.size(), 3);
  for (auto& damage : rig.damages) EXPECT((damage.id && damage.kept));
  EXPECT_EQ(rig.store->stats().values, 397);
}

TEST_CASE("a scrub asks whether the bytes are what their id names") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  const ByteVector good = bytes_of(1000, 1), wrong = bytes_of(1000, 2);
  REQUIRE(rig.put(sha256(good), good).ok());
  REQUIRE(rig.put(id_of(1), wrong).ok());
  REQUIRE(rig.sync().ok());
  ScrubOptions options;
  options.check = [](const Id& id, std::uint16_t, ByteView value) { return sha256(value) == id; };
  auto report = rig.run([&](Env&) { return rig.store->scrub(options); });
  REQUIRE(report.ok());
  EXPECT_EQ(report->damaged, 1);
  EXPECT(rig.get(sha256(good)).ok());
  EXPECT(rig.get(id_of(1)).is(Code::not_found));
}

TEST_CASE("a failed sync ends the process and every call after it") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  REQUIRE(rig.put(id_of(1), bytes_of(100, 1)).ok());
  sim::DiskFault fault;
  fault.op = sim::DiskOp::sync;
  rig.machine.drive().fail(fault);
  std::optional<Status> ended;
  auto sync = [](ValueStore& store, std::optional<Status>& out) -> Task<void> { out = co_await store.sync(); };
  rig.machine.spawn(sync(*rig.store, ended));
  rig.world.run_for(seconds(1));
  REQUIRE(ended.has_value());
  EXPECT(!ended->ok());
  EXPECT(!rig.machine.fail_stop_reason().empty());
}
