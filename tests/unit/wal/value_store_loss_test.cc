// Files, sectors and headers that are gone: the rest is served, what is lost is named, and nothing is guessed.
#include <set>

#include "tests/unit/wal/value_store_model.h"
#include "tests/unit/wal/value_store_rig.h"
#include "wal/value_store/format.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
ByteVector pattern(std::size_t size, std::uint64_t seed) {
  sim::Dice dice(seed);
  ByteVector bytes(size);
  dice.fill(bytes);
  return bytes;
}

Status remove_file(StoreRig& rig, const std::string& path) {
  return rig.run([path](Env& env) -> Task<Status> { return env.disk().remove(path); });
}

std::set<Id> named(const std::vector<Damage>& damages) {
  std::set<Id> ids;
  for (const Damage& damage : damages)
    if (damage.id) ids.insert(*damage.id);
  return ids;
}

Task<void> put_and_forget(ValueStore& store, std::uint64_t n, std::size_t size, std::vector<std::uint64_t>& done) {
  Buffer bytes = Buffer::copy_of(pattern(size, n));
  auto put = co_await store.put(model_id(n), std::move(bytes));
  if (put.ok()) done.push_back(n);
}

Task<void> checkpoint_once(ValueStore& store, bool& done) {
  Status status = co_await store.checkpoint();
  done = status.ok();
}

void write_file(StoreRig& rig, const std::string& path, ByteVector bytes) {
  auto write = [path, bytes](Env& env) -> Task<Status> { return replace_file(env.disk(), path, bytes); };
  REQUIRE(rig.run(write).ok());
}

StoreId store_id(StoreRig& rig) {
  auto bytes = rig.machine.drive().peek("values/STORE");
  REQUIRE(bytes.ok());
  auto file = decode_store_file(*bytes);
  REQUIRE(file.ok());
  return file->store;
}

// Where the value's first byte lies in the segment file that holds it.
std::uint64_t place_of(StoreRig& rig, const std::string& path, ByteView value) {
  auto bytes = rig.machine.drive().peek(path);
  REQUIRE(bytes.ok());
  auto at = std::search(bytes->begin(), bytes->end(), value.begin(), value.begin() + 64);
  REQUIRE(at != bytes->end());
  return static_cast<std::uint64_t>(at - bytes->begin());
}
}  // namespace

TEST_CASE("values put while an index checkpoint was written are named when their segment's file is missing") {
  std::size_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    StoreRig rig(seed);
    rig.options.lanes = 1;
    rig.options.segment_bytes = kMiB;
    REQUIRE(rig.open().ok());
    for (std::uint64_t n = 0; n < 50; ++n) REQUIRE(rig.put(model_id(n), pattern(300, n)).ok());
    bool published = false;
    std::vector<std::uint64_t> done;
    rig.machine.spawn(checkpoint_once(*rig.store, published));
    for (std::uint64_t n = 50; n < 90; ++n) rig.machine.spawn(put_and_forget(*rig.store, n, 300, done));
    rig.world.run_for(seconds(1));
    REQUIRE(published);
    REQUIRE_EQ(done.size(), 40);
    rig.machine.kill();
    for (const std::string& path : rig.files("segment-")) REQUIRE(remove_file(rig, path).ok());
    INFO("seed ", seed);
    REQUIRE(rig.open().ok());
    std::set<Id> ids = named(rig.store->open_report().damaged);
    for (std::uint64_t n = 0; n < 50; ++n) REQUIRE(ids.count(model_id(n)) == 1);
    lost += ids.size() - 50;
    for (std::uint64_t n = 0; n < 90; ++n) REQUIRE(rig.get(model_id(n)).is(Code::not_found));
    REQUIRE(rig.put(model_id(7), pattern(300, 7)).ok());
  }
  EXPECT_GT(lost, 0);
}

TEST_CASE("a copy number survives the loss of the file with the touch that gave it") {
  StoreRig rig;
  rig.options.lanes = 1;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 40; ++n) REQUIRE(rig.put(model_id(n), pattern(500, n)).ok());
  rig.store->seal_segments();
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 40; ++n) {
    auto again = rig.put(model_id(n), pattern(500, n));
    REQUIRE((again.ok() && again->existed));
    numbers.push_back(again->number);
  }
  REQUIRE(rig.close().ok());
  const std::vector<std::string> segments = rig.files("segment-");
  REQUIRE_EQ(segments.size(), 2);
  REQUIRE(remove_file(rig, segments[1]).ok());
  for (int start = 0; start < 3; ++start) {
    INFO("start ", start);
    REQUIRE(rig.open().ok());
    EXPECT_EQ(rig.store->open_report().damaged.size(), start == 0 ? 1 : 0);
    for (std::uint64_t n = 0; n < 40; ++n) {
      auto value = rig.get(model_id(n));
      REQUIRE(value.ok());
      REQUIRE(value->number == numbers[n]);
      REQUIRE(*rig.erase(model_id(n), CopyNumber(1, n + 1)) == Erased::newer);
    }
    REQUIRE(rig.checkpoint().ok());
    REQUIRE(rig.close().ok());
  }
}

TEST_CASE("a sector that the disk cannot read costs the values in it, and they are set aside and named") {
  for (bool restart : {false, true}) {
    INFO("restart ", restart);
    StoreRig rig;
    rig.options.lanes = 1;
    rig.options.segment_bytes = kMiB;
    REQUIRE(rig.open().ok());
    for (std::uint64_t n = 0; n < 60; ++n) REQUIRE(rig.put(model_id(n), pattern(6000, n)).ok());
    REQUIRE(rig.sync().ok());
    const std::string path = rig.files("segment-").front();
    const std::uint64_t at = place_of(rig, path, pattern(6000, 30)) + 3000;
    REQUIRE(rig.machine.drive().lose_block(path, at).ok());
    if (restart) {
      rig.machine.kill();
      REQUIRE(rig.open().ok());
    }
    EXPECT(!rig.get(model_id(30)).ok());
    rig.world.run_for(seconds(1));
    std::size_t gone = 0;
    for (std::uint64_t n = 0; n < 60; ++n) {
      auto value = rig.get(model_id(n));
      rig.world.run_for(milliseconds(100));
      if (value.ok()) {
        REQUIRE(equal(value->bytes, pattern(6000, n)));
        continue;
      }
      ++gone;
      REQUIRE(named(rig.damages).count(model_id(n)) == 1);
      REQUIRE(rig.get(model_id(n)).is(Code::not_found));
    }
    EXPECT_LE(gone, 2);
    EXPECT_GE(gone, 1);
    auto scrubbed = rig.run([&](Env&) { return rig.store->scrub(ScrubOptions()); });
    REQUIRE(scrubbed.ok());
    EXPECT_GE(scrubbed->values, 58);
    EXPECT(rig.put(model_id(30), pattern(6000, 30)).ok());
    REQUIRE(rig.reopen().ok());
    EXPECT(equal(rig.get(model_id(30))->bytes, pattern(6000, 30)));
  }
}

TEST_CASE("a sector with a record's header that the disk cannot read leaves the rest of the segment readable") {
  for (bool index : {false, true}) {
    INFO("index ", index);
    StoreRig rig;
    rig.options.lanes = 1;
    rig.options.segment_bytes = kMiB;
    REQUIRE(rig.open().ok());
    for (std::uint64_t n = 0; n < 100; ++n) REQUIRE(rig.put(model_id(n), pattern(700, n)).ok());
    REQUIRE(rig.sync().ok());
    if (index) {
      REQUIRE(rig.close().ok());
    } else {
      rig.machine.kill();
    }
    const std::string path = rig.files("segment-").front();
    REQUIRE(rig.machine.drive().lose_block(path, place_of(rig, path, pattern(700, 50))).ok());
    REQUIRE(rig.open().ok());
    auto scrubbed = rig.run([&](Env&) { return rig.store->scrub(ScrubOptions()); });
    REQUIRE(scrubbed.ok());
    std::size_t found = 0;
    for (std::uint64_t n = 0; n < 100; ++n) {
      auto value = rig.get(model_id(n));
      found += value.ok() ? 1 : 0;
      if (value.ok()) REQUIRE(equal(value->bytes, pattern(700, n)));
    }
    EXPECT_GE(found, 92);
    EXPECT_LE(found, 99);
    EXPECT(!rig.damages.empty());
  }
}

TEST_CASE("a disk that reads nothing at the moment costs no value") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 20; ++n) REQUIRE(rig.put(model_id(n), pattern(700, n)).ok());
  rig.machine.drive().options().cached = 0;
  rig.machine.drive().options().read_errors = 1;
  for (std::uint64_t n = 0; n < 20; ++n) {
    EXPECT(rig.get(model_id(n)).is(Code::io_error));
    rig.world.run_for(milliseconds(100));
  }
  rig.machine.drive().options().read_errors = 0;
  for (std::uint64_t n = 0; n < 20; ++n) REQUIRE(equal(rig.get(model_id(n))->bytes, pattern(700, n)));
  EXPECT(rig.damages.empty());
}

TEST_CASE("a store whose id is lost in every place is refused, and an index alone is enough to know it") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 30; ++n) REQUIRE(rig.put(model_id(n), pattern(700, n)).ok());
  REQUIRE(rig.close().ok());
  REQUIRE(remove_file(rig, "values/STORE").ok());
  for (const std::string& path : rig.files("segment-")) REQUIRE(rig.machine.drive().flip_bit(path, 10, 1).ok());
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 30; ++n) REQUIRE(equal(rig.get(model_id(n))->bytes, pattern(700, n)));
  REQUIRE(rig.close().ok());
  REQUIRE(remove_file(rig, "values/STORE").ok());
  for (const std::string& path : rig.files("index.")) REQUIRE(rig.machine.drive().flip_bit(path, 10, 1).ok());
  EXPECT(rig.open().is(Code::damaged));
  EXPECT(rig.open().is(Code::damaged));
}

TEST_CASE("an index checkpoint that could not be removed goes with a later one") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  sim::DiskFault fault;
  fault.op = sim::DiskOp::remove;
  fault.path = "index.";
  fault.count = 1000;
  rig.machine.drive().fail(fault);
  for (std::uint64_t n = 0; n < 4; ++n) {
    REQUIRE(rig.put(model_id(n), pattern(700, n)).ok());
    REQUIRE(rig.checkpoint().ok());
  }
  EXPECT_GT(rig.files("index.").size(), 1);
  rig.machine.kill();
  rig.machine.drive().clear_faults();
  REQUIRE(rig.open().ok());
  EXPECT_EQ(rig.files("index.").size(), 1);
  for (std::uint64_t n = 0; n < 4; ++n) REQUIRE(rig.get(model_id(n)).ok());
}

TEST_CASE("a copy with an unreadable number that an erasure might mean is set aside and named, not dropped") {
  StoreRig rig;
  rig.options.lanes = 1;
  REQUIRE(rig.open().ok());
  auto put = rig.put(model_id(1), pattern(700, 1));
  REQUIRE(put.ok());
  REQUIRE(rig.close().ok());
  const StoreId store = store_id(rig);
  // An erasure of an older copy, which names a place of its own.
  SegmentHeader head;
  head.number = 9;
  head.store = store;
  head.epoch = 1;
  RecordHeader tombstone;
  tombstone.kind = RecordKind::tombstone;
  tombstone.id = model_id(1);
  tombstone.number = put->number.packed() - 1;
  tombstone.old_segment = 7;
  ByteVector bytes = encode_segment_header(head);
  bytes.resize(kSegmentHeaderBytes + kRecordHeaderBytes);
  encode_record(tombstone, std::span<const std::uint64_t>(), segment_seal(store, 9),
                MutableBytes(bytes).subspan(kSegmentHeaderBytes));
  write_file(rig, "values/" + segment_name(9), bytes);
  const std::string path = rig.files("segment-").front();
  REQUIRE(rig.machine.drive().flip_bit(path, kSegmentHeaderBytes + 30, 1).ok());
  REQUIRE(rig.machine.drive().flip_bit(path, kSegmentHeaderBytes + 40, 2).ok());
  REQUIRE(rig.open().ok());
  EXPECT(rig.get(model_id(1)).is(Code::not_found));
  REQUIRE_EQ(rig.damages.size(), 1);
  EXPECT((rig.damages[0].id == model_id(1) && rig.damages[0].kept));
}

TEST_CASE("a segment that keeps damaged bytes is kept by later starts too") {
  for (bool index : {true, false}) {
    INFO("index ", index);
    StoreRig rig;
    rig.options.lanes = 1;
    rig.options.quarantine_bytes_max = 0;
    REQUIRE(rig.open().ok());
    std::vector<CopyNumber> numbers;
    for (std::uint64_t n = 0; n < 10; ++n) numbers.push_back(rig.put(model_id(n), pattern(2000, n))->number);
    REQUIRE(rig.sync().ok());
    const std::string path = rig.files("segment-").front();
    REQUIRE(rig.machine.drive().flip_bit(path, kSegmentHeaderBytes + 500, 1).ok());
    rig.machine.drive().options().cached = 0;
    EXPECT(rig.get(model_id(0)).is(Code::damaged));
    rig.world.run_for(seconds(1));
    REQUIRE_EQ(rig.damages.size(), 1);
    EXPECT(!rig.damages[0].kept);
    rig.store->seal_segments();
    for (std::uint64_t n = 1; n < 10; ++n) REQUIRE(*rig.erase(model_id(n), numbers[n]) == Erased::done);
    REQUIRE(rig.close().ok());
    if (!index)
      for (const std::string& name : rig.files("index.")) REQUIRE(remove_file(rig, name).ok());
    REQUIRE(rig.open().ok());
    REQUIRE(rig.reclaim().ok());
    REQUIRE(rig.reclaim().ok());
    EXPECT_EQ(rig.files("segment-").front(), path);
  }
}

TEST_CASE("a store without its index opens in several rounds when it may not hold all records at once") {
  StoreRig rig;
  rig.options.reclaim_dead_share = 0.2;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 300; ++n) numbers.push_back(rig.put(model_id(n), pattern(500, n))->number);
  for (std::uint64_t n = 0; n < 300; n += 3) REQUIRE(*rig.erase(model_id(n), numbers[n]) == Erased::done);
  for (std::uint64_t n = 1; n < 300; n += 5)
    if (n % 3 != 0) numbers[n] = rig.put(model_id(n), pattern(500, n))->number;
  REQUIRE(rig.reclaim().ok());
  REQUIRE(rig.close().ok());
  for (const std::string& name : rig.files("index.")) REQUIRE(remove_file(rig, name).ok());
  rig.options.open_records_max = 7;
  REQUIRE(rig.open().ok());
  EXPECT_GT(rig.store->open_report().bytes_read, 10 * rig.store->stats().stored_bytes);
  for (std::uint64_t n = 0; n < 300; ++n) {
    auto value = rig.get(model_id(n));
    CAPTURE(n);
    if (n % 3 == 0) {
      REQUIRE(value.is(Code::not_found));
    } else {
      REQUIRE(equal(value->bytes, pattern(500, n)));
      REQUIRE(value->number == numbers[n]);
    }
  }
}

TEST_CASE("stopping does not wait for a slow scrub, nor for slow reclaiming") {
  StoreRig rig;
  rig.options.lanes = 1;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 400; ++n) numbers.push_back(rig.put(model_id(n), pattern(20'000, n))->number);
  REQUIRE(rig.sync().ok());
  for (std::uint64_t n = 0; n < 400; n += 2) REQUIRE(rig.erase(model_id(n), numbers[n]).ok());
  rig.store->seal_segments();
  rig.store->set_reclaim_rate(1000);
  bool scrub_ended = false, reclaim_ended = false;
  auto scrub = [](ValueStore& store, bool& ended) -> Task<void> {
    ScrubOptions options;
    options.bytes_per_second = 1000;
    auto report = co_await store.scrub(options);
    ended = report.is(Code::cancelled) || report.is(Code::closed);
  };
  auto reclaim = [](ValueStore& store, bool& ended) -> Task<void> {
    auto report = co_await store.reclaim();
    ended = report.is(Code::cancelled) || report.is(Code::closed);
  };
  rig.machine.spawn(scrub(*rig.store, scrub_ended));
  rig.machine.spawn(reclaim(*rig.store, reclaim_ended));
  rig.world.run_for(seconds(5));
  const Duration before = rig.world.now();
  REQUIRE(rig.close().ok());
  EXPECT((rig.world.now() - before < seconds(2)));
  rig.world.run_for(milliseconds(1));
  EXPECT(scrub_ended);
  EXPECT(reclaim_ended);
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 1; n < 400; n += 2) REQUIRE(equal(rig.get(model_id(n))->bytes, pattern(20'000, n)));
}

TEST_CASE("what was put again after a start that followed a failed sync survives a power cut") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed ", seed);
    StoreRig rig(seed);
    REQUIRE(rig.open().ok());
    REQUIRE(rig.put(model_id(1), pattern(3000, 1)).ok());
    REQUIRE(rig.sync().ok());
    REQUIRE(rig.put(model_id(2), pattern(3000, 2)).ok());
    sim::DiskFault fault;
    fault.op = sim::DiskOp::sync;
    fault.path = "segment-";
    rig.machine.drive().fail(fault);
    bool ended = false;
    auto sync = [](ValueStore& store, bool& failed) -> Task<void> {
      Status status = co_await store.sync();
      failed = !status.ok();
    };
    rig.machine.spawn(sync(*rig.store, ended));
    rig.world.run_for(seconds(1));
    REQUIRE(!rig.machine.fail_stop_reason().empty());
    rig.machine.drive().clear_faults();
    REQUIRE(rig.open().ok());
    for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(rig.put(model_id(n), pattern(3000, n)).ok());
    REQUIRE(rig.sync().ok());
    rig.machine.power_cut();
    REQUIRE(rig.open().ok());
    for (std::uint64_t n = 1; n <= 2; ++n) REQUIRE(equal(rig.get(model_id(n))->bytes, pattern(3000, n)));
  }
}

TEST_CASE("a segment that cannot be opened does not keep others from being reclaimed") {
  StoreRig rig;
  rig.options.lanes = 1;
  rig.options.segment_bytes = kMiB;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 40; ++n) {
    if (n == 20) rig.store->seal_segments();
    numbers.push_back(rig.put(model_id(n), pattern(2000, n))->number);
  }
  for (std::uint64_t n = 0; n < 40; ++n)
    if (n % 20 > 2) REQUIRE(*rig.erase(model_id(n), numbers[n]) == Erased::done);
  REQUIRE(rig.reopen().ok());
  const std::vector<std::string> segments = rig.files("segment-");
  REQUIRE(segments.size() >= 2);
  sim::DiskFault fault;
  fault.op = sim::DiskOp::open;
  fault.path = segments[0];
  fault.count = 1000;
  rig.machine.drive().fail(fault);
  REQUIRE(rig.reclaim().ok());
  const std::vector<std::string> left = rig.files("segment-");
  EXPECT(std::count(left.begin(), left.end(), segments[0]) == 1);
  EXPECT(std::count(left.begin(), left.end(), segments[1]) == 0);
  rig.machine.drive().clear_faults();
  for (std::uint64_t n = 0; n < 40; ++n) EXPECT(rig.get(model_id(n)).ok() == (n % 20 <= 2));
  REQUIRE(rig.reopen().ok());
  REQUIRE(rig.reclaim().ok());
  EXPECT(rig.files("segment-").front() != segments[0]);
}

TEST_CASE("opening a store with many touches in its index holds none of them") {
  StoreRig rig;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (int round = 0; round < 2; ++round) {
    numbers.clear();
    for (std::uint64_t n = 0; n < 300; ++n) numbers.push_back(rig.put(model_id(n), pattern(100, n))->number);
  }
  REQUIRE(rig.checkpoint().ok());
  for (std::uint64_t n = 0; n < 10; ++n) REQUIRE(*rig.erase(model_id(n), numbers[n]) == Erased::done);
  for (std::uint64_t n = 10; n < 20; ++n) REQUIRE(*rig.erase(model_id(n), CopyNumber(1, n + 1)) == Erased::newer);
  for (std::uint64_t n = 20; n < 30; ++n) numbers[n] = rig.put(model_id(n), pattern(100, n))->number;
  REQUIRE(rig.sync().ok());
  rig.machine.kill();
  REQUIRE(rig.open().ok());
  EXPECT(rig.store->open_report().records_held <= 30);
  for (std::uint64_t n = 0; n < 300; ++n) {
    CAPTURE(n);
    auto value = rig.get(model_id(n));
    REQUIRE(value.ok() == (n >= 10));
    if (value.ok()) REQUIRE(value->number == numbers[n]);
  }
}
