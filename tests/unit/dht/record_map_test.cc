#include "dht/partition/record_map.h"

#include <map>

#include "tests/sim/dice.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

Key key_of(std::uint64_t number) {
  Key key;
  key.place.bytes[0] = static_cast<std::uint8_t>(number % 3);
  key.name = to_vector(as_bytes(std::to_string(number)));
  return key;
}

PackedRecordPtr packed(const Key& key, Version version) {
  return PackedRecord::make(key, version, as_bytes("value " + std::to_string(version)), false);
}

using Model = std::map<Key, Version>;

void expect_same(const RecordMap& map, const Model& model) {
  REQUIRE_EQ(map.size(), model.size());
  auto expected = model.begin();
  std::size_t bytes = 0;
  auto look = [&](const PackedRecord& record) {
    REQUIRE(expected != model.end());
    REQUIRE(record.key() == KeyView(expected->first));
    REQUIRE_EQ(record.version(), expected->second);
    REQUIRE(equal(record.value(), as_bytes("value " + std::to_string(expected->second))));
    bytes += record.footprint();
    ++expected;
    return true;
  };
  map.visit(Key(), look);
  REQUIRE(expected == model.end());
  EXPECT_GE(map.footprint(), bytes);
}

}  // namespace

TEST_CASE("a map of records is the same as an ordered map, through any changes") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    sim::Dice dice(seed, "record map", 0);
    RecordMap map;
    Model model;
    const std::uint64_t keys = seed % 2 == 0 ? 300 : 20'000;
    for (Version version = 1; version <= 30'000; ++version) {
      // It grows, and later it shrinks to nothing.
      const Key key = key_of(dice.below(keys));
      if (dice.below(30'000) > version) {
        map.put(packed(key, version));
        model[key] = version;
      } else {
        EXPECT_EQ(map.erase(key), model.erase(key) > 0);
      }
      if (version % 5'000 == 0) expect_same(map, model);
    }
    for (const auto& [key, version] : Model(model)) {
      const PackedRecord* found = map.find(key);
      REQUIRE(found != nullptr);
      EXPECT_EQ(found->version(), version);
      map.erase(key);
      EXPECT(map.find(key) == nullptr);
    }
    EXPECT_EQ(map.size(), 0);
    EXPECT_EQ(map.footprint(), 0);
  }
}

TEST_CASE("a copy of a map stays as of its moment while the map changes, and costs next to nothing") {
  sim::Dice dice(7, "record map", 0);
  RecordMap map;
  Model model;
  std::vector<std::pair<RecordMap, Model>> copies;
  for (Version version = 1; version <= 20'000; ++version) {
    const Key key = key_of(dice.below(3'000));
    if (dice.one_in(3)) {
      map.erase(key);
      model.erase(key);
    } else {
      map.put(packed(key, version));
      model[key] = version;
    }
    if (version % 1'000 == 0) copies.emplace_back(map, model);
    if (copies.size() > 5) copies.erase(copies.begin());
  }
  for (const auto& [copy, as_of] : copies) expect_same(copy, as_of);
  expect_same(map, model);
}

TEST_CASE("a visit begins at the first record not below its key and ends when it is told to") {
  RecordMap map;
  for (std::uint64_t number = 0; number < 1'000; number += 2) map.put(packed(key_of(number), number + 1));
  for (std::uint64_t number = 0; number < 1'000; ++number) {
    Model above;
    for (std::uint64_t other = 0; other < 1'000; other += 2)
      if (key_of(other) >= key_of(number)) above[key_of(other)] = other + 1;
    int seen = 0;
    auto look = [&](const PackedRecord& record) {
      REQUIRE(!above.empty());
      EXPECT(record.key() == KeyView(above.begin()->first));
      above.erase(above.begin());
      return ++seen < 3;
    };
    map.visit(key_of(number), look);
    EXPECT(seen <= 3);
    if (seen < 3) EXPECT(above.empty());
  }
}

TEST_CASE("a record of a hundred bytes under a short name takes no more than 250 bytes") {
  const ByteVector value(100, 7);
  for (bool in_order : {true, false}) {
    sim::Dice dice(3, "record map", 0);
    RecordMap map;
    for (std::uint64_t number = 0; number < 100'000; ++number) {
      Key key;
      key.place.bytes[0] = static_cast<std::uint8_t>(number / 10'000);
      key.name = to_vector(as_bytes("file-" + std::to_string(in_order ? 1'000'000 + number : dice.next())));
      map.put(PackedRecord::make(key, number + 1, value, false));
    }
    EXPECT_LE(map.footprint() / map.size(), in_order ? 205 : 230);
  }
}
