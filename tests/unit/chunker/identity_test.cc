#include "chunker/identity.h"

#include <array>

#include "base/hash.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

TEST_CASE("SHA-256 gives the published digests") {
  EXPECT_EQ(identify(as_bytes("")).id.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(identify(as_bytes("abc")).id.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(identify(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).id.hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(identify(ByteVector(1000000, 'a')).id.hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("XXH3 gives the digests of its own sanity test") {
  ByteVector buffer(2367);
  std::uint64_t generator = 2654435761U;
  for (std::uint8_t& byte : buffer) {
    byte = static_cast<std::uint8_t>(generator >> 56);
    generator *= 11400714785074694797ULL;
  }
  struct Vector {
    std::size_t size;
    std::uint64_t digest;
  };
  for (const Vector& vector :
       {Vector{1, 0xC44BDFF4074EECDB}, Vector{6, 0x27B56A84CD2D7325}, Vector{12, 0xA713DAF0DFBB77E7},
        Vector{24, 0xA3FE70BF9D3510EB}, Vector{48, 0x397DA259ECBA1F11}, Vector{80, 0xBCDEFBBB2C47C90A},
        Vector{195, 0xCD94217EE362EC3A}, Vector{403, 0xCDEB804D65C6DEA4}, Vector{512, 0x617E49599013CB6B},
        Vector{2048, 0xDD59E2C3A5F038E0}, Vector{2240, 0x6E73A90539CF2948}, Vector{2367, 0xCB37AEB9E5D361ED}}) {
    CAPTURE(vector.size);
    EXPECT_EQ(identify(ByteView(buffer).first(vector.size)).sums.at(0), vector.digest);
  }
}

TEST_CASE("one pass gives the SHA-256 of the content and the sums of all blocks, header included") {
  SeededRandom random(5);
  for (std::size_t size : {std::size_t(64), std::size_t(65), kChunkCheckBlock - 1, kChunkCheckBlock,
                           kChunkCheckBlock + 1, 3 * kChunkCheckBlock + 77}) {
    ByteVector bytes = random_bytes(random, size);
    Identity identity = identify(bytes, 64);
    EXPECT(identity.id == sha256(ByteView(bytes).subspan(64)));
    EXPECT(identity.sums == block_sums(bytes));
    REQUIRE_EQ(identity.sums.size(), block_count(size));
    EXPECT_EQ(identity.sums.back(), xxh3(ByteView(bytes).subspan((identity.sums.size() - 1) * kChunkCheckBlock)));
  }
}

TEST_CASE("a range is checked by its own blocks alone, and a flipped bit in it is named") {
  SeededRandom random(6);
  const std::size_t size = 5 * kChunkCheckBlock + 1000;
  ByteVector bytes = random_bytes(random, size);
  BlockSums sums = block_sums(bytes);
  for (int round = 0; round < 500; ++round) {
    std::size_t offset = random.below(size), length = 1 + random.below(size - offset);
    BlockRange range = blocks_covering(offset, length, size);
    EXPECT_LE(range.offset, offset);
    EXPECT_GE(range.offset + range.length, offset + length);
    EXPECT_LT(offset - range.offset, kChunkCheckBlock);
    EXPECT_LT(range.offset + range.length - (offset + length), kChunkCheckBlock);
    ByteVector part = to_vector(ByteView(bytes).subspan(range.offset, range.length));
    EXPECT(check_blocks(part, range.first, sums).ok());
    std::size_t flipped = random.below(part.size());
    part[flipped] ^= static_cast<std::uint8_t>(1 << random.below(8));
    Status status = check_blocks(part, range.first, sums);
    REQUIRE(status.is(Code::damaged));
    EXPECT_NE(status.error().to_string().find("block " + std::to_string(range.first + flipped / kChunkCheckBlock)),
              std::string::npos);
  }
  EXPECT(check_blocks(bytes, 1, sums).is(Code::damaged));
  EXPECT_EQ(blocks_covering(3, 0, size).length, 0);
}
