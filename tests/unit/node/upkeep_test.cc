// Whoever leads a partition looks at it at once, and what was counted stays counted until something matters to it.
#include "node/upkeep/upkeep.h"

#include "base/hash.h"
#include "tests/unit/base/manual_clock.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/node/file_rig.h"

namespace vortex::node {

namespace {

// One node leads those that the test says.
class SomeLed final : public LedRecords {
 public:
  explicit SomeLed(dht::LocalPartitions& partitions) : partitions_(partitions) {}
  std::vector<dht::PartitionNumber> led() const override { return {here.begin(), here.end()}; }
  const dht::Partition* state(dht::PartitionNumber partition) const override {
    ++looks;
    return here.contains(partition) && !unready ? &partitions_.partition(partition) : nullptr;
  }

  std::vector<Newest> held() const override {
    std::vector<Newest> held;
    for (dht::PartitionNumber partition : led()) held.emplace_back(partition, partitions_.newest(partition));
    return held;
  }

  std::set<dht::PartitionNumber> here;
  bool unready = false;
  mutable std::size_t looks = 0;

 private:
  dht::LocalPartitions& partitions_;
};

struct UpkeepRig {
  explicit UpkeepRig(UpkeepOptions options = UpkeepOptions())
      : led(rig.partitions), upkeep(rig.machine.env(), led, rig.places, rig.keeper, options) {
    auto start = [](Env&, Upkeep* of) -> Task<Status> {
      of->start();
      co_return Status();
    };
    REQUIRE(rig.world.run(rig.machine, start, &upkeep).ok());
  }
  ~UpkeepRig() {
    auto stop = [](Env&, Upkeep* of) -> Task<Status> {
      co_await of->stop();
      co_return Status();
    };
    EXPECT(rig.world.run(rig.machine, stop, &upkeep).ok());
  }
  std::size_t uncounted() const {
    Upkeep::Progress progress = upkeep.progress();
    return progress.led - progress.current;
  }

  FileRig rig;
  SomeLed led;
  Upkeep upkeep;
};

dht::Member member(std::size_t number) {
  dht::Member it;
  it.id = sha256(as_bytes("member" + std::to_string(number)));
  it.address = Address{"10.0.0." + std::to_string(number), 7400};
  it.boot_epoch = 1;
  it.standing = dht::Standing::active;
  it.decided = 1;
  it.capacity = kGiB;
  return it;
}

}  // namespace

TEST_CASE("a partition that is led here since a moment ago is counted at once, whenever the others had their turn") {
  UpkeepOptions options;
  options.period = std::chrono::minutes(10);
  UpkeepRig all(options);
  REQUIRE(all.rig.partitions.count() >= 8);
  all.led.here = {0, 1};
  all.rig.world.run_for(seconds(3));
  REQUIRE_EQ(all.uncounted(), 0);
  for (dht::PartitionNumber taken = 2; taken < 8; ++taken) {
    all.led.here.insert(taken);
    EXPECT_EQ(all.uncounted(), 1);
    all.rig.world.run_for(milliseconds(300));
    EXPECT_EQ(all.uncounted(), 0);
  }
  // One that goes and comes back may have been written to by others meanwhile.
  all.led.here.erase(3);
  all.rig.world.run_for(milliseconds(300));
  all.led.here.insert(3);
  EXPECT_EQ(all.uncounted(), 1);
  all.rig.world.run_for(milliseconds(300));
  EXPECT_EQ(all.uncounted(), 0);
}

TEST_CASE("what cannot be counted yet is tried again soon, but not all the time") {
  UpkeepOptions options;
  options.period = std::chrono::minutes(10);
  UpkeepRig all(options);
  all.led.here = {0};
  all.led.unready = true;
  all.rig.world.run_for(seconds(12));
  EXPECT_EQ(all.uncounted(), 1);
  EXPECT_GT(all.led.looks, 20);
  EXPECT_LT(all.led.looks, 500);
  all.led.unready = false;
  all.rig.world.run_for(milliseconds(300));
  EXPECT_EQ(all.uncounted(), 0);
}

TEST_CASE("all partitions are looked at again when members changed, and one when it is said to have need") {
  UpkeepOptions options;
  options.period = std::chrono::minutes(10);
  UpkeepRig all(options);
  all.led.here = {0, 1, 2};
  std::vector<dht::PartitionNumber> looked;
  all.upkeep.on_needs(
      [&looked](dht::PartitionNumber partition, std::vector<RepairNeed>) { looked.push_back(partition); });
  all.rig.world.run_for(seconds(3));
  EXPECT(looked == std::vector<dht::PartitionNumber>({0, 1, 2}));
  looked.clear();
  ++all.rig.places.changed;
  EXPECT_EQ(all.uncounted(), 3);
  all.rig.world.run_for(milliseconds(300));
  EXPECT_EQ(all.uncounted(), 0);
  EXPECT_EQ(looked.size(), 3);
  looked.clear();
  all.upkeep.hurry(1);
  all.rig.world.run_for(milliseconds(300));
  EXPECT(looked == std::vector<dht::PartitionNumber>({1}));
}

TEST_CASE("what members tell of themselves again and again leaves the counts as they are; deaths do not") {
  dht::Directory directory;
  for (std::size_t number = 1; number <= 3; ++number) REQUIRE(directory.merge(member(number)).ok());
  ManualClock clock;
  MemberPlaces places(clock, directory);
  std::uint64_t before = places.changes();
  dht::Member it = member(2);
  for (it.incarnation = 1; it.incarnation < 20; ++it.incarnation) {
    it.health = it.incarnation % 2 == 0 ? dht::Health::suspect : dht::Health::alive;
    it.address.port = static_cast<std::uint16_t>(7400 + it.incarnation);
    REQUIRE(directory.merge(it).ok());
    EXPECT_EQ(places.changes(), before);
  }
  auto raised = [&] {
    std::uint64_t now = places.changes();
    return std::exchange(before, now) < now;
  };
  it.health = dht::Health::dead;
  REQUIRE(directory.merge(it).ok());
  EXPECT(raised());
  directory.set_lost(it.id, true);
  EXPECT(raised());
  it.health = dht::Health::alive;
  ++it.incarnation;
  REQUIRE(directory.merge(it).ok());
  EXPECT(raised());
  it.standing = dht::Standing::draining;
  ++it.decided;
  REQUIRE(directory.merge(it).ok());
  EXPECT(raised());
  REQUIRE(directory.merge(member(4)).ok());
  EXPECT(raised());
  EXPECT(!raised());
}

TEST_CASE("only those who died lately are a sign of a fault that befalls many at once") {
  dht::Directory directory;
  for (std::size_t number = 1; number <= 9; ++number) REQUIRE(directory.merge(member(number)).ok());
  ManualClock clock;
  MemberPlaces places(clock, directory);
  EXPECT_EQ(places.silent(), 0);
  auto dies = [&](std::size_t number) {
    dht::Member it = member(number);
    it.health = dht::Health::dead;
    REQUIRE(directory.merge(it).ok());
    (void)places.changes();
  };
  // One after the other, and never replaced.
  for (std::size_t number = 1; number <= 4; ++number) {
    dies(number);
    EXPECT_EQ(places.silent(), 1);
    EXPECT_EQ(places.members(), 10 - number);
    clock.time += std::chrono::minutes(61);
  }
  EXPECT_EQ(places.silent(), 0);
  EXPECT_EQ(places.members(), 5);
  for (std::size_t number = 5; number <= 7; ++number) dies(number);
  EXPECT_EQ(places.silent(), 3);
  EXPECT_EQ(places.members(), 5);
  dht::Member back = member(1);
  ++back.incarnation;
  REQUIRE(directory.merge(back).ok());
  EXPECT_EQ(places.members(), 6);
}

TEST_CASE("ages are told a little late and never early, from a few moments, however long one watches") {
  Ages ages;
  net::test::FixedRandom random(7);
  const Instant begun = Instant(std::chrono::hours(5));
  std::map<dht::Version, Instant> written;
  dht::Version version = 0;
  Instant now = begun;
  for (int step = 0; step < 40'000; ++step) {
    now += milliseconds(1000 + random.below(500));
    version += random.below(3);
    ages.saw(now, version);
    written.emplace(version, now);
    for (Duration age : {Duration(seconds(30)), Duration(std::chrono::minutes(10)), Duration(std::chrono::hours(1))}) {
      dht::Version old = ages.unchanged_for(age, now);
      auto after = written.upper_bound(old);
      // Whatever is called old has been there for so long; whatever has been there for a little longer is called old.
      if (old > 0) EXPECT(now - written.at(old) >= age);
      bool late = after != written.end() && now - after->second > age + age / 8 + seconds(2);
      EXPECT(!late);
    }
  }
  EXPECT_LT(ages.size(), 400);
  EXPECT_EQ(Ages().unchanged_for(seconds(1), now), 0);
}

}  // namespace vortex::node
