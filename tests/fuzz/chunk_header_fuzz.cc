// Bytes from anywhere as a chunk's stored form and as the head of a shard.
#include "base/check.h"
#include "base/endian.h"
#include "base/hash.h"
#include "chunker/shard.h"
#include "chunker/unpack.h"

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
  // As an extent of each form would see it.
  Buffer stored = Buffer::copy_of(input);
  SecretKey key;
  PlacedExtent placed;
  placed.extent.chunk = sha256(input);
  placed.extent.stored_size = static_cast<std::uint32_t>(size);
  if (size >= 8) placed.extent.skip = data[7];
  placed.extent.length = 1;
  auto try_forms = [&](const Buffer& bytes) {
    for (int form = 0; form < 4; ++form) {
      placed.extent.compressed = (form & 1) != 0;
      placed.extent.sealed = (form & 2) != 0;
      for (Trust trust : {Trust::nothing, Trust::checksums}) {
        auto plain = unpack(placed, bytes, &key, trust);
        if (plain.ok()) CHECK(plain->size() == 1 && decode_header(bytes)->form() == placed.extent.form());
      }
      (void)check_stored(placed.extent.chunk, placed.extent.form(), bytes).ok();
    }
  };
  try_forms(stored);

  // The checksum keeps random bytes out: the same with a right one reaches what stands behind.
  if (size < kHeaderSize) return 0;
  Buffer fixed = Buffer::copy_of(input);
  MutableBytes bytes = fixed.writable();
  store_le(bytes.data(), ChunkHeader::kMagic);
  store_le(bytes.data() + kHeaderSize - 8, xxh3(ByteView(bytes).first(kHeaderSize - 8)));
  placed.extent.chunk = sha256(fixed);
  try_forms(fixed);
  return 0;
}
