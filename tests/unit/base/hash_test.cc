#include "base/hash.h"

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/test.h"

using namespace vortex;

TEST_CASE("SHA-256 gives the published digests") {
  EXPECT_EQ(sha256(as_bytes("")).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(as_bytes("abc")).hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(as_bytes(std::string(1'000'000, 'a'))).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("HMAC-SHA-256 gives the published codes") {
  // RFC 4231, test cases 1, 2 and 6.
  ByteVector twenty(20, 0x0b), long_key(131, 0xaa);
  EXPECT_EQ(hmac_sha256(twenty, as_bytes("Hi There")).hex(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac_sha256(long_key, as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")).hex(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("XXH3 gives the published hashes") {
  EXPECT_EQ(xxh3(ByteView()), 0x2d06800538d394c2);
  // The sanity check of xxHash: bytes made by a multiplication with a prime, lengths 1, 6, 24, 195, 2243.
  ByteVector bytes(2243);
  std::uint64_t generator = 2654435761u;
  for (auto& byte : bytes) {
    byte = static_cast<std::uint8_t>(generator >> 56);
    generator *= 11400714785074694797u;
  }
  EXPECT_EQ(xxh3(ByteView(bytes).first(1)), 0xc44bdff4074eecdb);
  EXPECT_EQ(xxh3(ByteView(bytes).first(6)), 0x27b56a84cd2d7325);
  EXPECT_EQ(xxh3(ByteView(bytes).first(24)), 0xa3fe70bf9d3510eb);
  EXPECT_EQ(xxh3(ByteView(bytes).first(195)), 0xcd94217ee362ec3a);
}

TEST_CASE("hashes of pieces are hashes of the whole, and finish() begins anew") {
  ByteVector bytes(100'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  Sha256 sha;
  Xxh3 xxh;
  for (int round = 0; round < 2; ++round) {
    std::size_t step = 1;
    for (ByteView rest(bytes); !rest.empty(); ++step) {
      ByteView piece = rest.first(std::min(rest.size(), step * step));
      sha.update(piece);
      xxh.update(piece);
      rest = rest.subspan(piece.size());
    }
    EXPECT(sha.finish() == sha256(bytes));
    EXPECT_EQ(xxh.digest(), xxh3(bytes));
    xxh.reset();
  }
}

TEST_CASE("hashing on several threads at once gives the same") {
  ByteVector bytes(50'000, 7);
  Id expected = sha256(bytes);
  std::vector<int> good(4);
  std::vector<std::thread> threads;
  for (int& mine : good)
    threads.emplace_back([&mine, &bytes, expected] {
      for (int i = 0; i < 20; ++i) mine += sha256(bytes) == expected && xxh3(bytes) != 0 ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  for (int mine : good) EXPECT_EQ(mine, 20);
}
