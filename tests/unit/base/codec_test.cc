#include "base/codec.h"

#include <random>

#include "tests/unit/test.h"

using namespace vortex;

namespace {
enum class Color : std::uint8_t { red, green, blue };
constexpr Color max_enum_value(Color) { return Color::blue; }

struct Inner {
  std::uint16_t a = 0;
  std::string b;
  bool operator==(const Inner&) const = default;
  VORTEX_FIELDS(a, b)
};

struct Everything {
  bool flag = false;
  std::int32_t negative = 0;
  std::uint64_t large = 0;
  Color color = Color::red;
  std::string text;
  ByteVector bytes;
  Id id;
  std::vector<Inner> list;
  std::optional<Inner> maybe;
  std::pair<std::uint8_t, std::string> pair;
  bool operator==(const Everything&) const = default;
  VORTEX_FIELDS(flag, negative, large, color, text, bytes, id, list, maybe, pair)
};

Everything sample() {
  Everything it;
  it.flag = true;
  it.negative = -2;
  it.large = 0x1122334455667788;
  it.color = Color::blue;
  it.text = "hé";
  it.bytes = {0, 255};
  it.id.bytes.fill(0xAB);
  it.list = {{1, "x"}, {2, ""}};
  it.maybe = Inner{3, "y"};
  it.pair = {4, "z"};
  return it;
}

ByteVector varint(std::uint64_t value) {
  ByteVector out;
  Encoder(out).put_varint(value);
  return out;
}
}  // namespace

TEST_CASE("the bytes of an encoded struct are these and no others") {
  EXPECT_EQ(to_hex(encode(sample())),
            "01"                // flag
            "feffffff"          // negative
            "8877665544332211"  // large
            "02"                // color
            "0300000068c3a9"    // text
            "0200000000ff"      // bytes
            "abababababababababababababababababababababababababababababababab"
            "02000000"
            "0100"
            "0100000078"
            "0200"
            "00000000"  // list
            "01"
            "0300"
            "0100000079"  // maybe
            "04"
            "010000007a");  // pair
  auto back = decode<Everything>(encode(sample()));
  REQUIRE(back.ok());
  EXPECT(*back == sample());
}

TEST_CASE("whatever is cut short or goes on is refused") {
  ByteVector whole = encode(sample());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    EXPECT(decode<Everything>(ByteView(whole).first(size)).is(Code::bad_message));
  }
  whole.push_back(0);
  EXPECT(decode<Everything>(whole).is(Code::bad_message));
}

TEST_CASE("impossible values are refused") {
  ByteVector bytes = encode(sample());
  auto with = [&bytes](std::size_t at, std::uint8_t value) {
    ByteVector changed = bytes;
    changed[at] = value;
    return decode<Everything>(changed);
  };
  EXPECT(with(0, 2).is(Code::bad_message));   // a flag that is neither
  EXPECT(with(13, 3).is(Code::bad_message));  // a color that there is not
  EXPECT(with(13, 1).ok());
}

TEST_CASE("a count that cannot be true allocates nothing") {
  ByteVector bytes = {0xff, 0xff, 0xff, 0xff, 1, 2, 3};
  EXPECT(decode<std::vector<std::uint8_t>>(bytes).is(Code::bad_message));
  EXPECT(decode<std::vector<std::uint64_t>>(bytes).is(Code::bad_message));
  EXPECT(decode<std::string>(bytes).is(Code::bad_message));
  EXPECT(decode<std::vector<std::vector<Inner>>>(bytes).is(Code::bad_message));
}

TEST_CASE("a byte that says absent does not become a large object a million times") {
  using Large = std::array<std::uint8_t, 200>;
  using List = std::vector<std::optional<Large>>;
  ByteVector bytes = encode(List(1'000'000));
  auto list = decode<List>(bytes);
  EXPECT(list.is(Code::bad_message));
  // What a message can honestly hold is let through.
  List few(4'000);
  few.back().emplace();
  auto honest = decode<List>(encode(few));
  REQUIRE(honest.ok());
  EXPECT_EQ(honest->size(), few.size());
  EXPECT(honest->back().has_value());
}

TEST_CASE("a failed decoder gives only zeros") {
  ByteVector bytes = {1, 2};
  Decoder decoder(bytes);
  std::uint32_t number = 7;
  std::string text = "before";
  decoder.get(number);
  EXPECT_EQ(number, 0);
  decoder.get(text);
  EXPECT_EQ(text, "");
  EXPECT(!decoder.ok());
  EXPECT(!decoder.finished());
  EXPECT_EQ(decoder.left(), 0);
}

TEST_CASE("numbers have one spelling as varints") {
  EXPECT_EQ(to_hex(varint(0)), "00");
  EXPECT_EQ(to_hex(varint(127)), "7f");
  EXPECT_EQ(to_hex(varint(128)), "8001");
  EXPECT_EQ(to_hex(varint(~std::uint64_t(0))), "ffffffffffffffffff01");
  for (std::uint64_t value : {std::uint64_t(1), std::uint64_t(300), std::uint64_t(1) << 63, ~std::uint64_t(0)}) {
    ByteVector bytes = varint(value);
    Decoder decoder(bytes);
    EXPECT_EQ(decoder.get_varint(), value);
    EXPECT(decoder.finished());
  }
  const ByteVector bad[] = {{},
                            {0x80},
                            {0x80, 0x00},
                            {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},
                            {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}};
  for (const ByteVector& bytes : bad) {
    Decoder decoder(bytes);
    EXPECT_EQ(decoder.get_varint(), 0);
    EXPECT(!decoder.ok());
  }
}

TEST_CASE("mutated input never does more than fail, and what is accepted is what was written") {
  std::mt19937_64 random(7);
  ByteVector whole = encode(sample());
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    ByteVector changed = whole;
    for (std::uint64_t i = random() % 4 + 1; i > 0; --i)
      changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) changed.resize(random() % changed.size());
    auto result = decode<Everything>(changed);
    if (!result.ok()) continue;
    ++accepted;
    EXPECT(encode(*result) == changed);
  }
  EXPECT(accepted > 0);
}
