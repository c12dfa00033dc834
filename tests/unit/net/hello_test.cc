// The bytes of the handshake's messages, as README.md describes them.
#include "net/hello.h"

#include "tests/unit/net/fixed_random.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;

namespace {

template <std::size_t N>
std::array<std::uint8_t, N> filled(std::uint8_t byte) {
  std::array<std::uint8_t, N> bytes;
  bytes.fill(byte);
  return bytes;
}

Hello make_hello_message() {
  Hello hello;
  hello.version_min = 1;
  hello.version_max = 2;
  hello.cluster.bytes.fill(0xc1);
  hello.proves = Proves::access_key;
  hello.purpose = Purpose::bulk;
  hello.credential = "key-1";
  hello.public_key = filled<32>(0xb0);
  hello.boot_epoch = 0x0102030405060708;
  hello.address = *Address::parse("10.0.0.7:7400");
  hello.nonce = filled<32>(0x5e);
  hello.extensions = {0xee, 0xff};
  return hello;
}

std::string repeat(const char* pair, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += pair;
  return text;
}

}  // namespace

TEST_CASE("the bytes of hello and answer are what they always were") {
  std::string hello =
      "56584e48"
      "01"
      "00"
      "8b00"
      "0100"
      "0200" +
      repeat("c1", 32) +
      "01"
      "01"
      "05000000"
      "6b65792d31" +
      repeat("b0", 32) +
      "0807060504030201"
      "08000000"
      "31302e302e302e37"
      "e81c" +
      repeat("5e", 32) +
      "02000000"
      "eeff";
  EXPECT_EQ(to_hex(make_hello(make_hello_message())), hello);

  Answer answer;
  answer.version_min = 1;
  answer.version_max = 1;
  answer.cluster.bytes.fill(0xc1);
  answer.public_key = filled<32>(0xb1);
  answer.boot_epoch = 9;
  answer.nonce = filled<32>(0x5f);
  EXPECT_EQ(to_hex(make_hello(answer)),
            "56584e48"
            "02"
            "00"
            "7600"
            "0100"
            "0100" +
                repeat("c1", 32) + repeat("b1", 32) +
                "0900000000000000"
                "00000000"
                "0000" +
                repeat("5f", 32) + "00000000");
}

TEST_CASE("the bytes of proof, welcome and refusal are what they always were") {
  Proof proof;
  proof.keyed.resize(2);
  proof.keyed[0].epoch = 3;
  proof.keyed[0].mac.bytes.fill(0xa3);
  proof.keyed[1].epoch = 2;
  proof.keyed[1].mac.bytes.fill(0xa2);
  proof.signature = filled<64>(0x51);
  EXPECT_EQ(to_hex(make_hello(proof)),
            "56584e48"
            "03"
            "00"
            "8d00"
            "02000000"
            "03000000" +
                repeat("a3", 32) + "02000000" + repeat("a2", 32) + "01" + repeat("51", 64));

  Welcome welcome;
  welcome.keyed.epoch = 3;
  welcome.keyed.mac.bytes.fill(0xa3);
  EXPECT_EQ(to_hex(make_hello(welcome)),
            "56584e48"
            "04"
            "00"
            "2500"
            "03000000" +
                repeat("a3", 32) + "00");

  Refusal refusal = make_refusal(Error(Code::expired, "no").with_retry_after(5));
  EXPECT_EQ(to_hex(make_hello(refusal)),
            "56584e48"
            "05"
            "00"
            "0c00"
            "1100"
            "05000000"
            "02000000"
            "6e6f");
}

TEST_CASE("proofs and signatures over the same words are what they always were") {
  Transcript plain(std::nullopt);
  plain.add(as_bytes("words"));
  Id binding;
  binding.bytes.fill(0x77);
  Transcript bound(binding);
  bound.add(as_bytes("words"));
  ByteVector key(32, 0x42);
  // Computed with another implementation.
  EXPECT_EQ(plain.mac(Transcript::Side::initiator, key).hex(),
            "985e423464af9f0db041dfbec89ea349d2c17e46eb6e994693108ce6b21b6cdd");
  EXPECT_EQ(plain.mac(Transcript::Side::acceptor, key).hex(),
            "3287c014af0766b1072c2258b5372d516c88830bc6620f5234be792454ba126a");
  EXPECT_EQ(bound.mac(Transcript::Side::initiator, key).hex(),
            "b7aede2ee2929e7286071461a237c7b59b133603b93a4454ee63649b8e9653d3");
}

TEST_CASE("what was made is parsed to the same, and nothing shorter or longer is") {
  ByteVector message = make_hello(make_hello_message());
  ByteView body = ByteView(message).subspan(kHelloHeaderSize);
  auto header = parse_hello_header(ByteView(message).first(kHelloHeaderSize));
  REQUIRE(header.ok());
  EXPECT_EQ(header->kind, HelloKind::hello);
  EXPECT_EQ(header->length, body.size());
  auto parsed = parse_hello<Hello>(body);
  REQUIRE(parsed.ok());
  EXPECT(equal(make_hello(*parsed), message));
  for (std::size_t size = 0; size < body.size(); ++size) EXPECT(!parse_hello<Hello>(body.first(size)).ok());
  ByteVector longer = to_vector(body);
  longer.push_back(0);
  EXPECT(!parse_hello<Hello>(longer).ok());
}

TEST_CASE("fields beyond their limits are refused") {
  auto refused = [](auto change) {
    Hello hello = make_hello_message();
    change(hello);
    return parse_hello<Hello>(encode(hello)).is(Code::bad_message);
  };
  EXPECT(refused([](Hello& h) { h.version_min = 0; }));
  EXPECT(refused([](Hello& h) { h.version_min = 3; }));
  EXPECT(refused([](Hello& h) { h.credential = std::string(kCredentialNameMax + 1, 'k'); }));
  EXPECT(refused([](Hello& h) { h.credential.clear(); }));
  EXPECT(refused([](Hello& h) { h.proves = Proves::cluster_secret; }));
  EXPECT(refused([](Hello& h) { h.address.host = std::string(kHelloHostMax + 1, 'h'); }));
  EXPECT(refused([](Hello& h) { h.extensions.resize(kHelloExtensionsMax + 1); }));
  EXPECT(!refused([](Hello& h) { h.extensions.resize(kHelloExtensionsMax); }));
  Proof proof;
  EXPECT(parse_hello<Proof>(encode(proof)).is(Code::bad_message));
  proof.keyed.resize(kClusterKeysMax + 1);
  EXPECT(parse_hello<Proof>(encode(proof)).is(Code::bad_message));
}

TEST_CASE("the header is refused when its magic, kind, zero byte or length is impossible") {
  ByteVector good = make_hello(make_hello_message());
  for (auto [at, value, code] : {std::tuple<std::size_t, std::uint8_t, Code>(0, 'W', Code::bad_message),
                                 {4, 0, Code::bad_message},
                                 {4, 6, Code::bad_message},
                                 {5, 1, Code::bad_message},
                                 {7, 9, Code::too_large}}) {
    ByteVector wrong(good.begin(), good.begin() + kHelloHeaderSize);
    wrong[at] = value;
    EXPECT(parse_hello_header(wrong).is(code));
  }
}

TEST_CASE("a stranger's words in a refusal are cut and cannot move a terminal's cursor") {
  Refusal refusal;
  refusal.code = static_cast<std::uint16_t>(Code::expired);
  refusal.message = "\x1b[2Jred\n" + std::string(1000, 'x');
  Error error = to_error(refusal);
  EXPECT(error.is(Code::expired));
  EXPECT(error.message().starts_with("refused: ?[2Jred?xxx"));
  EXPECT_LE(error.message().size(), kRefusalTextMax + 9);
  refusal.code = 65'000;
  EXPECT(to_error(refusal).is(Code::internal));
}

TEST_CASE("the common version is the highest that both have") {
  EXPECT_EQ(common_version(1, 2, 2, 3), 2);
  EXPECT_EQ(common_version(1, 9, 2, 3), 3);
  EXPECT_EQ(common_version(4, 4, 4, 4), 4);
  EXPECT(!common_version(1, 2, 3, 4));
  EXPECT(!common_version(3, 4, 1, 2));
}
