#include "chunker/compress.h"

#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

TEST_CASE("what was compressed comes back, and what does not shrink by 5% is left alone") {
  SeededRandom random(1);
  for (int round = 0; round < 300; ++round) {
    ByteVector plain = any_bytes(random, random.below(200000));
    ByteVector packed(packed_max(plain.size()));
    for (Compression how : {Compression::lz4, Compression::lz4_high}) {
      std::size_t size = compress(how, plain, packed);
      EXPECT_LE(size * 100, plain.size() * 95);
      if (size == 0) continue;
      ByteVector back(plain.size());
      EXPECT(decompress(ByteView(packed).first(size), back).ok());
      EXPECT(back == plain);
    }
    EXPECT_EQ(compress(Compression::none, plain, packed), 0);
  }
}

TEST_CASE("text is worth a try, random bytes are not, a repeated random block is") {
  SeededRandom random(2);
  EXPECT(may_shrink(text_bytes(random, 1 * kMiB)));
  EXPECT(may_shrink(ByteVector(1 * kMiB, 0)));
  int tried = 0;
  for (int round = 0; round < 50; ++round) tried += may_shrink(random_bytes(random, 256 * kKiB));
  EXPECT_EQ(tried, 0);
  ByteVector block = random_bytes(random, 5000), repeated;
  while (repeated.size() < kMiB) repeated.insert(repeated.end(), block.begin(), block.end());
  EXPECT(may_shrink(repeated));
  ByteVector packed(packed_max(repeated.size()));
  EXPECT_GT(compress(Compression::lz4, repeated, packed), 0);
}

TEST_CASE("a bare LZ4 block that is cut short, goes on or belongs to another size is refused") {
  SeededRandom random(3);
  ByteVector plain = text_bytes(random, 10000), packed(packed_max(plain.size()));
  packed.resize(compress(Compression::lz4, plain, packed));
  REQUIRE(!packed.empty());
  ByteVector out(plain.size());
  EXPECT(decompress(packed, out).ok());
  EXPECT(decompress(ByteView(packed).first(packed.size() - 1), out).is(Code::damaged));
  out.resize(plain.size() - 1);
  EXPECT(decompress(packed, out).is(Code::damaged));
  out.resize(plain.size() + 1);
  EXPECT(decompress(packed, out).is(Code::damaged));
  EXPECT(decompress(ByteView(), out).is(Code::damaged));
}
