// Bytes from anywhere as a chunk's stored form and as the head of a shard.
#include "base/check.h"
#include "base/endian.h"
#include "base/hash.h"
#include "chunker/pack.h"
#include "chunker/shard.h"

using namespace vortex;
using namespace vortex::chunker;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input(data, size);
  if (auto header = decode_header(input); header.ok()) {
    std::array<std::uint8_t, kHeaderSize> again{};
    encode_header(*header, again);
    CHECK(equal(again, input.first(kHeaderSize)));
  }
  if (auto head = decode_shard_head(input); head.ok()) {
    ByteVector again = encode_shard_head(*head);
    CHECK(equal(again, input.first(again.size())));
  }
  Buffer stored = Buffer::copy_of(input);
  SecretKey key;
  for (Trust trust : {Trust::nothing, Trust::checksums}) {
    auto plain = unpack(ChunkId(), stored, 0, &key, trust);
    if (plain.ok()) CHECK(plain->size() == decode_header(input)->plain_size);
  }
  (void)check_stored(ChunkId(), input).ok();

  // The checksum keeps random bytes out: the same with a right one reaches what stands behind.
  if (size < kHeaderSize) return 0;
  Buffer fixed = Buffer::copy_of(input);
  MutableBytes bytes = fixed.writable();
  store_le(bytes.data(), ChunkHeader::kMagic);
  store_le(bytes.data() + kHeaderSize - 8, xxh3(ByteView(bytes).first(kHeaderSize - 8)));
  auto header = decode_header(fixed);
  if (!header.ok()) return 0;
  auto plain = unpack(ChunkId(), fixed, 0, &key, Trust::checksums);
  if (plain.ok()) CHECK(plain->size() == header->plain_size);
  return 0;
}
