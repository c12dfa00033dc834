#include "net/identity.h"

#include "base/hash.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using test::FixedRandom;

TEST_CASE("a node's id is the SHA-256 of its public key") {
  FixedRandom random(1);
  Identity identity = Identity::generate(random);
  EXPECT_EQ(identity.id(), sha256(identity.public_key()));
  FixedRandom again(1), other(2);
  EXPECT_EQ(Identity::generate(again).id(), identity.id());
  EXPECT_NE(Identity::generate(other).id(), identity.id());
}

TEST_CASE("a key written as PEM and read again is the same key") {
  FixedRandom random(1);
  Identity identity = Identity::generate(random);
  std::string pem = identity.to_pem();
  auto read = Identity::from_pem(pem);
  REQUIRE(read.ok());
  EXPECT_EQ(read->id(), identity.id());
  EXPECT(verify_signature(identity.public_key(), as_bytes("hello"), read->sign(as_bytes("hello"))));
}

TEST_CASE("the key of the all-zero seed is the one everybody derives from it") {
  // RFC 8032's function over 32 zero bytes; computed with another implementation.
  struct Zeros final : Random {
    void fill(MutableBytes out) override { std::fill(out.begin(), out.end(), std::uint8_t(0)); }
    std::uint64_t next() override { return 0; }
  } zeros;
  Identity identity = Identity::generate(zeros);
  EXPECT_EQ(to_hex(identity.public_key()), "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29");
  EXPECT_EQ(identity.to_pem(),
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
            "-----END PRIVATE KEY-----\n");
}

TEST_CASE("what is not an Ed25519 key is refused by name") {
  EXPECT(Identity::from_pem("").is(Code::damaged));
  EXPECT(Identity::from_pem("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n").is(Code::damaged));
  // An X25519 key: the right shape, the wrong kind.
  auto other = Identity::from_pem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
      "-----END PRIVATE KEY-----\n");
  REQUIRE(other.is(Code::damaged));
  EXPECT_EQ(other.error().message(), "node key: not an Ed25519 key");
}

TEST_CASE("a signature holds for its message, its key and itself alone") {
  FixedRandom random(3);
  Identity identity = Identity::generate(random), stranger = Identity::generate(random);
  Signature signature = identity.sign(as_bytes("message"));
  EXPECT(verify_signature(identity.public_key(), as_bytes("message"), signature));
  EXPECT(!verify_signature(identity.public_key(), as_bytes("massage"), signature));
  EXPECT(!verify_signature(stranger.public_key(), as_bytes("message"), signature));
  signature[10] ^= 1;
  EXPECT(!verify_signature(identity.public_key(), as_bytes("message"), signature));
}
