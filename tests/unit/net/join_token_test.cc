#include "net/join_token.h"

#include "net/base32.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using test::FixedRandom;

namespace {
JoinToken make_token() {
  FixedRandom random(1);
  JoinToken token;
  for (const char* text : {"10.0.0.7:7400", "[fd00::1]:7400", "node-3.example:65535"})
    token.addresses.push_back(*Address::parse(text));
  token.cluster = random.id();
  token.secret = Secret::random(random);
  return token;
}
}  // namespace

TEST_CASE("base32 is that of RFC 4648") {
  EXPECT_EQ(to_base32(as_bytes("")), "");
  EXPECT_EQ(to_base32(as_bytes("f")), "my");
  EXPECT_EQ(to_base32(as_bytes("fo")), "mzxq");
  EXPECT_EQ(to_base32(as_bytes("foo")), "mzxw6");
  EXPECT_EQ(to_base32(as_bytes("foob")), "mzxw6yq");
  EXPECT_EQ(to_base32(as_bytes("fooba")), "mzxw6ytb");
  EXPECT_EQ(to_base32(as_bytes("foobar")), "mzxw6ytboi");
  FixedRandom random(1);
  for (std::size_t size = 0; size < 100; ++size) {
    ByteVector bytes(size);
    random.fill(bytes);
    auto back = from_base32(to_base32(bytes));
    REQUIRE(back);
    EXPECT(equal(*back, bytes));
  }
  for (const char* wrong : {"m", "mzx", "mz", "m1", "my=", "m y"}) EXPECT(!from_base32(wrong));
}

TEST_CASE("a join token comes back from its text, also from one that was folded or shouted") {
  JoinToken token = make_token();
  std::string text = token.to_text();
  auto check = [&token](std::string_view from) {
    auto parsed = JoinToken::parse(from);
    REQUIRE(parsed.ok());
    EXPECT_EQ(parsed->addresses, token.addresses);
    EXPECT_EQ(parsed->cluster, token.cluster);
    EXPECT(parsed->secret == token.secret);
    EXPECT_EQ(parsed->id(), token.id());
  };
  check(text);
  check("  " + text.substr(0, 80) + "\r\n   " + text.substr(80) + "\n");
  std::string shouted = text;
  for (std::size_t i = 7; i < shouted.size(); ++i)
    shouted[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(shouted[i])));
  check(shouted);
  for (char c : text) EXPECT(std::isalnum(static_cast<unsigned char>(c)));
}

TEST_CASE("what is wrong with a join token is said") {
  std::string text = make_token().to_text();
  auto message = [](std::string_view from) {
    auto parsed = JoinToken::parse(from);
    REQUIRE(parsed.is(Code::invalid_argument));
    return std::string(parsed.error().message());
  };
  EXPECT_EQ(message(" \n"), "the join token is empty");
  EXPECT_EQ(message("hello"), "not a join token: one begins with \"vxjoin\"");
  EXPECT_EQ(message("vxjoin2abc"), "the join token is of another version of the program");
  EXPECT_EQ(message("vxjoin1"), "the join token is cut short or mistyped");
  EXPECT_EQ(message(text + "!"), "the join token is cut short or mistyped");
  EXPECT_EQ(message(std::string(10'000, 'a')), "not a join token: it is far too long");
  std::string mistyped = text;
  mistyped[50] = mistyped[50] == 'a' ? 'b' : 'a';
  EXPECT_EQ(message(mistyped), "the join token is cut short or mistyped: its checksum is wrong");
}

TEST_CASE("no mistyped letter and no cut goes unnoticed") {
  std::string text = make_token().to_text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == 'q' ? 'x' : 'q';
    EXPECT(!JoinToken::parse(wrong).ok());
    EXPECT(!JoinToken::parse(text.substr(0, i)).ok());
    if (i > 0 && text[i] != text[i - 1]) {
      std::string swapped = text;
      std::swap(swapped[i], swapped[i - 1]);
      EXPECT(!JoinToken::parse(swapped).ok());
    }
  }
}

TEST_CASE("the text of a join token is what it always was") {
  JoinToken token;
  token.addresses.push_back(*Address::parse("10.0.0.7:7400"));
  token.cluster.bytes.fill(0x11);
  token.secret = *Secret::from_bytes(ByteVector(32, 0x22));
  // Computed with another implementation.
  EXPECT_EQ(token.id(), "655fe3263a50bf4316ff9c51dce8750e");
  EXPECT_EQ(token.to_text(),
            "vxjoin1aeaaaaaiaaaaamjqfyyc4mbog7ubyeirceirceirceirceirceirceirceirceirceirceirceirceireirceirceirceirceir"
            "ceirceirceirceirceirceirceirceirgmqhori");
}

TEST_CASE("a token's name does not show its secret") {
  JoinToken token = make_token();
  EXPECT_EQ(token.id().size(), 32);
  EXPECT(to_hex(token.secret.view()).find(token.id()) == std::string::npos);
  Presented presented = token.present();
  EXPECT_EQ(presented.proves, Proves::join_token);
  EXPECT_EQ(presented.credential, token.id());
  EXPECT_EQ(presented.cluster, token.cluster);
}
