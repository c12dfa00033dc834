// The bytes of what is sealed and of manifests, by their SHA-256: who changes one of these changes a format, and what
// was stored before cannot be read any more.
#include "base/hash.h"
#include "chunker/cutter.h"
#include "chunker/manifest_builder.h"
#include "chunker/sealer.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

SecretKey counted_key() {
  std::array<std::uint8_t, SecretKey::kSize> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return SecretKey(bytes);
}

std::string digest(ByteView bytes) { return sha256(bytes).hex(); }

Extent counted_extent(std::uint64_t number) {
  Extent extent;
  store_le(extent.chunk.bytes.data(), number + 1);
  extent.length = 4 * kMiB;
  extent.stored_size = static_cast<std::uint32_t>(4 * kMiB + kHeaderSize);
  return extent;
}

}  // namespace

TEST_CASE("a sealed chunk has the bytes that the format says") {
  SeededRandom random(1);
  Sealer sealer(counted_key(), random);
  (void)sealer.next_turn();
  PackOrder order;
  order.seal = sealer.next_turn();
  order.file_offset = 0x0102030405060708;
  StoredChunk chunk = pack(ChunkDraft::copy_of(as_bytes(std::string_view("what is sealed"))), std::move(order));
  EXPECT_EQ(chunk.stored.size(), kHeaderSize + 14 + kSealTagSize);
  EXPECT_EQ(chunk.id.hex(), digest(chunk.stored));
  EXPECT_EQ(digest(chunk.stored), "4d7f5567e4d0148ab4078ccb8bb315a517c222a8928baadfb45c612f1ae5f484");
}

TEST_CASE("a wrapped key has the bytes that the format says") {
  SeededRandom random(2);
  auto user = UserKey::from_key_file(counted_key().bytes());
  REQUIRE(user.ok());
  EXPECT_EQ(digest(encode(wrap(counted_key(), *user, random))),
            "c2ea64dd2149af77f5c6169a6ca724c7274e2b5be318e9620ab092de438bd5b5");
}

TEST_CASE("a file that is sealed and cut by content is cut where the format says") {
  SeededRandom random(3);
  const ByteVector bytes = text_bytes(random, 100'000);
  const SecretKey key = counted_key();
  Cutter cutter(CutPolicy::content(8 * kKiB), &key);
  ByteView rest = bytes;
  std::string cuts;
  while (auto cut = cutter.scan(rest)) {
    cuts += std::to_string(*cut) + " ";
    rest = rest.subspan(*cut);
  }
  EXPECT_EQ(cuts, "5070 8469 9505 7079 7311 7175 8520 7299 8056 9603 10060 11054 ");
}

TEST_CASE("a manifest, its nodes and the proof of its seal have the bytes that the format says") {
  ManifestBuilder builder;
  for (std::uint64_t i = 0; i < 1000; ++i) builder.add(counted_extent(i));
  Manifest manifest = builder.finish();
  std::vector<ManifestNode> nodes = builder.take_nodes();
  ByteVector all;
  for (const ManifestNode& node : nodes) all.insert(all.end(), node.bytes.begin(), node.bytes.end());
  EXPECT_EQ(nodes.size(), std::size_t(25));
  EXPECT_EQ(digest(all), "6895b6546661d723152fb21aaf32abe98ec8eb275adf229178463fe71b4237bf");
  SeededRandom random(4);
  auto user = UserKey::from_key_file(counted_key().bytes());
  REQUIRE(user.ok());
  seal_manifest(manifest, counted_key(), wrap(counted_key(), *user, random));
  EXPECT_EQ(digest(encode(manifest)), "c581cc646be7b20e53058a35f93785f3d6b7f64f1166080e92212834259ed553");
}
