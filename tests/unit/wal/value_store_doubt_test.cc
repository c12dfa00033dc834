// Reads that go wrong once, and disks that fail twice at the same time.
#include <set>

#include "tests/unit/wal/value_store_model.h"
#include "tests/unit/wal/value_store_rig.h"

using namespace vortex;
using namespace vortex::wal::values;

namespace {
constexpr std::uint64_t kValues = 24;

struct Filled {
  std::map<std::uint64_t, CopyNumber> numbers;
  std::set<std::uint64_t> erased;
};

// Values, touches and tombstones, all of them acknowledged and synced.
Filled fill(StoreRig& rig) {
  Filled it;
  for (std::uint64_t n = 0; n < kValues; ++n) it.numbers[n] = rig.put(model_id(n), model_bytes(n))->number;
  for (std::uint64_t n = 0; n < kValues; n += 5) it.numbers[n] = rig.put(model_id(n), model_bytes(n))->number;
  for (std::uint64_t n = 2; n < kValues; n += 4) {
    REQUIRE(*rig.erase(model_id(n), it.numbers[n]) == Erased::done);
    it.erased.insert(n);
  }
  REQUIRE(rig.sync().ok());
  return it;
}

void expect_all(StoreRig& rig, const Filled& it) {
  for (std::uint64_t n = 0; n < kValues; ++n) {
    CAPTURE(n);
    auto value = rig.get(model_id(n));
    if (it.erased.count(n) != 0) {
      REQUIRE(value.is(Code::not_found));
      continue;
    }
    REQUIRE(value.ok());
    REQUIRE(equal(value->bytes, model_bytes(n)));
    REQUIRE(value->number == it.numbers.at(n));
  }
}

// One bit of the value, wherever it lies.
void damage_value(StoreRig& rig, std::uint64_t n) {
  const Buffer held = model_bytes(n);
  const ByteView value = held;
  for (const std::string& path : rig.files("segment-")) {
    auto bytes = rig.machine.drive().peek(path);
    REQUIRE(bytes.ok());
    auto at = std::search(bytes->begin(), bytes->end(), value.begin(), value.end());
    if (at == bytes->end()) continue;
    REQUIRE(rig.machine.drive().flip_bit(path, static_cast<std::uint64_t>(at - bytes->begin()) + 1, 3).ok());
  }
}

sim::DiskFault no_room_for(const std::string& path) {
  sim::DiskFault fault;
  fault.effect = sim::DiskEffect::no_space;
  fault.op = sim::DiskOp::write;
  fault.path = path;
  fault.count = 1000;
  return fault;
}
}  // namespace

TEST_CASE("reads that give wrong bytes once cost nothing when a store is opened, and do no damage") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    StoreRig rig(seed);
    rig.options.segment_bytes = 16 * kKiB;
    REQUIRE(rig.open().ok());
    Filled it = fill(rig);
    if (seed % 2 == 0) REQUIRE(rig.checkpoint().ok());
    rig.machine.kill();
    rig.machine.drive().options().read_flips = 0.04;
    REQUIRE(rig.open().ok());
    rig.machine.drive().options().read_flips = 0;
    for (const Damage& damage : rig.damages) FAIL(damage.what);
    EXPECT_EQ(rig.store->open_report().torn.size(), 0);
    expect_all(rig, it);
    rig.machine.power_cut();
    REQUIRE(rig.open().ok());
    EXPECT_EQ(rig.damages.size(), 0);
    expect_all(rig, it);
  }
}

TEST_CASE("a value that was damaged between its sync and the next start is named to whoever uses the store") {
  StoreRig rig;
  rig.options.lanes = 1;
  REQUIRE(rig.open().ok());
  for (std::uint64_t n = 0; n < 8; ++n) REQUIRE(rig.put(model_id(n), model_bytes(n)).ok());
  REQUIRE(rig.sync().ok());
  rig.machine.kill();
  damage_value(rig, 6);
  REQUIRE(rig.open().ok());
  REQUIRE_EQ(rig.damages.size(), 1);
  EXPECT(rig.damages[0].id == model_id(6));
  EXPECT(rig.damages[0].torn);
  for (std::uint64_t n = 0; n < 8; ++n) EXPECT(rig.get(model_id(n)).ok() == (n != 6));
}

TEST_CASE("an erasure of a damaged value is refused as long as the disk takes no record of it") {
  for (const std::string& full : {std::string("segment-"), std::string()}) {
    CAPTURE(full);
    StoreRig rig;
    rig.options.lanes = 1;
    REQUIRE(rig.open().ok());
    CopyNumber number;
    for (std::uint64_t n = 0; n < 8; ++n) number = rig.put(model_id(n), model_bytes(n))->number;
    REQUIRE(rig.sync().ok());
    const std::string path = rig.files("segment-").front();
    // The header of the first one, so that nobody can tell its number.
    for (unsigned bit : {1u, 2u}) REQUIRE(rig.machine.drive().flip_bit(path, kSegmentHeaderBytes + 20, bit).ok());
    rig.machine.drive().options().cached = 0;
    rig.machine.drive().fail(no_room_for(full));
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto erased = rig.erase(model_id(0), number);
      EXPECT(erased.is(Code::no_space));
    }
    EXPECT(!rig.get(model_id(0)).is(Code::not_found));
    rig.world.run_for(seconds(1));
    EXPECT(rig.put(model_id(0), model_bytes(0)).is(Code::no_space));
    EXPECT_EQ(rig.damages.size(), 1);
    rig.machine.drive().clear_faults();
    EXPECT(*rig.erase(model_id(0), number) == Erased::done);
    EXPECT_EQ(rig.damages.size(), 1);
    rig.machine.kill();
    REQUIRE(rig.open().ok());
    EXPECT(rig.get(model_id(0)).is(Code::not_found));
    EXPECT(*rig.erase(model_id(0), number) == Erased::absent);
    for (std::uint64_t n = 1; n < 8; ++n) EXPECT(rig.get(model_id(n)).ok());
  }
}

TEST_CASE("damage in a segment holds up neither its own reclaiming nor that of those its records moved to") {
  StoreRig rig;
  rig.options.lanes = 1;
  rig.options.segment_bytes = kMiB;
  REQUIRE(rig.open().ok());
  std::vector<CopyNumber> numbers;
  for (std::uint64_t n = 0; n < 40; ++n) numbers.push_back(rig.put(model_id(n), model_bytes(n))->number);
  REQUIRE(rig.sync().ok());
  rig.store->seal_segments();
  // Touches of values that lie elsewhere, in the segment that is going to be damaged.
  std::vector<std::string> paths = rig.files("segment-");
  numbers[1] = rig.put(model_id(1), model_bytes(1))->number;
  for (std::uint64_t n = 40; n < 80; ++n) numbers.push_back(rig.put(model_id(n), model_bytes(n))->number);
  REQUIRE(rig.sync().ok());
  rig.store->seal_segments();
  paths = rig.files("segment-");
  REQUIRE_EQ(paths.size(), 2);
  for (std::uint64_t n = 43; n < 78; ++n) REQUIRE(*rig.erase(model_id(n), numbers[n]) == Erased::done);
  std::uint64_t large = 43;
  while (model_bytes(large).size() < 500) ++large;
  REQUIRE(large < 77);
  // The touch's record, and that of a value that is dead, beyond repair.
  for (unsigned bit : {1u, 2u}) {
    REQUIRE(rig.machine.drive().flip_bit(paths[1], kSegmentHeaderBytes + 20, bit).ok());
    const Buffer dead = model_bytes(large);
    auto bytes = rig.machine.drive().peek(paths[1]);
    REQUIRE(bytes.ok());
    auto at = std::search(bytes->begin(), bytes->end(), dead.view().begin(), dead.view().end());
    REQUIRE(at != bytes->end());
    auto header =
        static_cast<std::uint64_t>(at - bytes->begin()) - value_prefix_bytes(static_cast<std::uint32_t>(dead.size()));
    REQUIRE(rig.machine.drive().flip_bit(paths[1], header + 30, bit).ok());
  }
  REQUIRE(rig.reclaim().ok());
  EXPECT(std::ranges::count(rig.files("segment-"), paths[1]) == 0);
  EXPECT_EQ(rig.damages.size(), 2);
  for (const Damage& damage : rig.damages) EXPECT(damage.kept);
  EXPECT_EQ(rig.machine.drive().files().list("values/quarantine")->size(), 2);
  auto expect_rest = [&] {
    for (std::uint64_t n = 0; n < 80; ++n) {
      CAPTURE(n);
      auto value = rig.get(model_id(n));
      if (n >= 43 && n < 78) {
        REQUIRE(value.is(Code::not_found));
        continue;
      }
      REQUIRE(value.ok());
      REQUIRE(value->number == numbers[n]);
    }
  };
  expect_rest();
  // Where the rest went is reclaimed in its turn.
  const std::vector<std::string> second = rig.files("segment-");
  for (std::uint64_t n = 40; n < 43; ++n) REQUIRE(*rig.erase(model_id(n), numbers[n]) == Erased::done);
  REQUIRE(rig.reclaim().ok());
  for (const std::string& path : second) {
    if (path == paths[0]) continue;
    EXPECT(std::ranges::count(rig.files("segment-"), path) == 0);
  }
  for (std::uint64_t n = 40; n < 43; ++n) REQUIRE(rig.get(model_id(n)).is(Code::not_found));
  rig.machine.kill();
  REQUIRE(rig.open().ok());
  REQUIRE(rig.get(model_id(1))->number == numbers[1]);
}
