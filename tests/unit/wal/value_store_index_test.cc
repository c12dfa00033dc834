#include <set>
#include <unordered_map>

#include "tests/sim/dice.h"
#include "tests/unit/test.h"
#include "wal/value_store/index.h"

using namespace vortex;
using namespace vortex::wal::values;

TEST_CASE("a size hint is never below the size and less than one in a hundred above it") {
  for (std::uint32_t size = 0; size <= kValueBytesMax; size += 1 + size / 977) {
    std::uint32_t hint = SizeHint::decode(SizeHint::encode(size));
    REQUIRE(hint >= size);
    REQUIRE(hint - size <= size / 100);
  }
  for (std::uint32_t size = 1; size <= kValueBytesMax; size *= 2)
    EXPECT_EQ(SizeHint::decode(SizeHint::encode(size)), size);
  EXPECT_GE(SizeHint::decode(SizeHint::encode(kValueBytesMax)), kValueBytesMax);
}

TEST_CASE("a location keeps its parts") {
  Location location(Location::kOrdinalMax, 4'294'967'288u, 4096);
  EXPECT_EQ(location.ordinal(), Location::kOrdinalMax);
  EXPECT_EQ(location.offset(), 4'294'967'288u);
  EXPECT_EQ(location.length_hint(), 4096);
  EXPECT(!location.touched());
  EXPECT(location.with_touched(true).touched());
  EXPECT(location.with_touched(true).same_place(location));
  EXPECT(!static_cast<bool>(Location()));
}

TEST_CASE("the index agrees with a map through random insertions, replacements and erasures") {
  sim::Dice dice(7);
  ValueIndex index(dice.next());
  std::unordered_map<Id, std::uint64_t> truth;
  std::vector<Id> known;
  for (int step = 0; step < 300'000; ++step) {
    // It grows first and shrinks later.
    const std::uint64_t erasing = step < 150'000 ? 20 : 70;
    if (!known.empty() && dice.below(100) < erasing) {
      Id id = known[dice.below(known.size())];
      Location was = index.erase(id);
      auto place = truth.find(id);
      REQUIRE_EQ(was.bits(), place == truth.end() ? 0 : place->second);
      if (place != truth.end()) truth.erase(place);
    } else {
      Id id = !known.empty() && dice.one_in(10) ? known[dice.below(known.size())] : dice.id();
      Location location(1 + static_cast<std::uint32_t>(dice.below(1000)), dice.below(1000) * 8, 100);
      Location was = index.put(id, location);
      auto place = truth.find(id);
      REQUIRE_EQ(was.bits(), place == truth.end() ? 0 : place->second);
      truth[id] = location.bits();
      known.push_back(id);
    }
    REQUIRE_EQ(index.size(), truth.size());
  }
  for (const Id& id : known) {
    auto place = truth.find(id);
    REQUIRE_EQ(index.find(id).bits(), place == truth.end() ? 0 : place->second);
  }
  std::size_t seen = 0;
  index.for_each([&](const ValueIndex::Entry& entry) { seen += truth.count(entry.id); });
  EXPECT_EQ(seen, truth.size());
}

TEST_CASE("ids that begin alike are kept apart and cost no more than time") {
  ValueIndex index(3);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    Id id;
    std::memcpy(id.bytes.data() + 28, &i, 4);
    index.put(id, Location(1, std::uint64_t(i) * 8, 10));
  }
  EXPECT_EQ(index.size(), 20'000);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    Id id;
    std::memcpy(id.bytes.data() + 28, &i, 4);
    REQUIRE_EQ(index.find(id).offset(), std::uint64_t(i) * 8);
  }
}

TEST_CASE("listing goes through all ids in order, also while others come and go") {
  sim::Dice dice(11);
  ValueIndex index(dice.next());
  std::vector<Id> stable;
  for (int i = 0; i < 5000; ++i) {
    stable.push_back(dice.id());
    index.put(stable.back(), Location(1, 8, 1));
  }
  std::sort(stable.begin(), stable.end());
  std::vector<Id> seen, passing;
  std::optional<Id> after;
  for (;;) {
    std::vector<Id> some = index.list(after, 37);
    if (some.empty()) break;
    REQUIRE(std::is_sorted(some.begin(), some.end()));
    REQUIRE((!after || some.front() > *after));
    for (const Id& id : some)
      if (std::binary_search(stable.begin(), stable.end(), id)) seen.push_back(id);
    after = some.back();
    for (const Id& id : passing) index.erase(id);
    passing.clear();
    for (int i = 0; i < 20; ++i) {
      passing.push_back(dice.id());
      index.put(passing.back(), Location(1, 8, 1));
    }
  }
  EXPECT(seen == stable);
}

TEST_CASE("two million values cost at most 48 bytes each") {
  sim::Dice dice(5);
  ValueIndex index(dice.next());
  double worst = 0;
  for (std::uint32_t i = 1; i <= 2'000'000; ++i) {
    index.put(dice.id(), Location(1 + i % 1000, std::uint64_t(i) * 8, 4096));
    if (i >= 1'900'000 && i % 10'000 == 0) worst = std::max(worst, static_cast<double>(index.bytes()) / i);
  }
  DOCTEST_MESSAGE("bytes a value: ", static_cast<double>(index.bytes()) / 2e6, ", at worst on the way ", worst);
  EXPECT_LE(worst, 48.0);
}

TEST_CASE("every byte of an id decides where it lies in the index") {
  ValueIndex index(0x1234567);
  for (std::size_t at = 0; at < Id::kSize; ++at) {
    std::set<std::uint32_t> places;
    Id id;
    for (int value = 0; value < 256; ++value) {
      id.bytes[at] = static_cast<std::uint8_t>(value);
      places.insert(index.hash(id));
    }
    CAPTURE(at);
    EXPECT_GE(places.size(), 250);
  }
}
