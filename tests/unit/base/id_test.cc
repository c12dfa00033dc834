#include "base/id.h"

#include <algorithm>
#include <random>
#include <vector>

#include "base/random.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {
struct SeededRandom final : Random {
  std::mt19937_64 engine{42};
  void fill(MutableBytes out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine());
  }
  std::uint64_t next() override { return engine(); }
};
}  // namespace

TEST_CASE("ids are written as hexadecimal and read back, and nothing else is read") {
  SeededRandom random;
  Id id = random.id();
  EXPECT(*Id::from_hex(id.hex()) == id);
  EXPECT_EQ(id.hex().size(), 64);
  EXPECT_EQ(id.short_hex(), id.hex().substr(0, 8));
  std::string upper = id.hex();
  std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  EXPECT(*Id::from_hex(upper) == id);
  EXPECT(!Id::from_hex("").has_value());
  EXPECT(!Id::from_hex(id.hex() + "00").has_value());
  EXPECT(!Id::from_hex(id.hex().substr(1)).has_value());
  EXPECT(!Id::from_hex("g" + id.hex().substr(1)).has_value());
}

TEST_CASE("ids are ordered as numbers with the first byte highest") {
  Id low, high;
  low.bytes[31] = 255;
  high.bytes[0] = 1;
  EXPECT(low < high);
  EXPECT_EQ(high.prefix(), std::uint64_t(1) << 56);
  EXPECT_EQ(Id().leading_zeros(), 256);
  EXPECT_EQ(low.leading_zeros(), 248);
  EXPECT_EQ(high.leading_zeros(), 7);
  EXPECT(Id().is_zero());
  EXPECT(!low.is_zero());
}

TEST_CASE("XOR distance is a metric, and closer() agrees with it") {
  SeededRandom random;
  for (int i = 0; i < 1000; ++i) {
    Id a = random.id(), b = random.id(), target = random.id();
    if (i % 3 == 0) std::copy_n(a.bytes.begin(), 8 + i % 24, b.bytes.begin());  // long common prefixes
    EXPECT(a.distance(a).is_zero());
    EXPECT(a.distance(b) == b.distance(a));
    EXPECT(a.distance(b).distance(b) == a);
    EXPECT_EQ(closer(target, a, b), target.distance(a) < target.distance(b));
    EXPECT_EQ(closer(target, b, a), target.distance(b) < target.distance(a));
    EXPECT(!closer(target, a, a));
  }
}

TEST_CASE("numbers below a bound are all equally likely") {
  SeededRandom random;
  std::vector<int> seen(10);
  for (int i = 0; i < 100'000; ++i) ++seen[random.below(10)];
  for (int count : seen) {
    EXPECT(count > 9'500);
    EXPECT(count < 10'500);
  }
  EXPECT_EQ(random.below(1), 0);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    double unit = random.unit();
    EXPECT(unit >= 0);
    EXPECT(unit < 1);
    sum += unit;
  }
  EXPECT(sum > 4'800);
  EXPECT(sum < 5'200);
  EXPECT(!random.chance(0));
  EXPECT(random.chance(1));
}
