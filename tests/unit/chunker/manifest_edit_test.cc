#include "chunker/manifest_edit.h"

#include <map>
#include <set>

#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

Extent one_extent(Random& random, std::uint64_t length) {
  Extent extent;
  extent.chunk = random.id();
  extent.length = length;
  extent.stored_size = static_cast<std::uint32_t>(length + kHeaderSize);
  return extent;
}

Extent sealed_extent(Random& random, std::uint64_t length) {
  Extent extent = one_extent(random, length);
  extent.sealed = true;
  extent.stored_size += kSealTagSize;
  return extent;
}

}  // namespace

TEST_CASE("overwriting one of very many equal extents reads and writes a handful of nodes") {
  SeededRandom random(20);
  World world;
  constexpr std::size_t kCount = 200000;
  constexpr std::uint64_t kLength = 4 * kKiB;
  // One chunk over and over, two in turn, and four: no cut may depend on the records alone.
  for (std::size_t period : {1, 2, 4}) {
    CAPTURE(period);
    std::vector<Extent> kinds, extents;
    for (std::size_t i = 0; i < period; ++i) kinds.push_back(one_extent(random, kLength));
    for (std::size_t i = 0; i < kCount; ++i) extents.push_back(kinds[i % period]);
    MemoryNodes nodes;
    const Manifest manifest = build(extents, nodes);
    for (int round = 0; round < 60; ++round) {
      CAPTURE(round);
      // A whole extent, and a stretch in the middle of one, which becomes three.
      std::uint64_t begin = random.below(kCount / 4) * kLength, length = kLength;
      if (round % 2 == 1) begin += 1000, length = 100;
      nodes.loads = 0;
      auto edit = world.run(splice(nodes, manifest, begin, begin + length, {one_extent(random, length)}));
      REQUIRE(edit.ok());
      REQUIRE(nodes.loads <= 60);
      REQUIRE(edit->fresh.size() <= 60);
    }
  }
}

TEST_CASE("an edit hands out every node once, though many are equal") {
  SeededRandom random(21);
  World world;
  std::vector<Extent> extents(20000, one_extent(random, 4 * kKiB));
  MemoryNodes nodes;
  Manifest manifest = build(extents, nodes);
  auto edit = world.run(splice(nodes, manifest, 100, 100, extents));
  REQUIRE(edit.ok());
  std::set<ChunkId> ids;
  for (const ManifestNode& node : edit->fresh) EXPECT(ids.insert(node.id).second);
  EXPECT_LE(edit->fresh.size(), 300);
}

TEST_CASE("an edit that would rewrite more of a manifest than an edit may is refused, one below is not") {
  SeededRandom random(22);
  World world;
  constexpr std::uint64_t kLength = 4 * kKiB;
  ManifestBuilder builder;
  MemoryNodes nodes;
  for (std::size_t i = 0; i < kEditBytesMax / kRecordSize + 10000; ++i) {
    builder.add(one_extent(random, kLength));
    nodes.keep(builder.take_nodes());
  }
  const Manifest manifest = builder.finish();
  nodes.keep(builder.take_nodes());
  // An extent more at the front moves all others.
  EXPECT(world.run(splice(nodes, manifest, 0, 0, {one_extent(random, kLength)})).is(Code::too_large));
  EXPECT(world.run(splice(nodes, manifest, 0, kLength, {one_extent(random, kLength)})).ok());
  EXPECT(world.run(splice(nodes, manifest, manifest.size / 2, manifest.size / 2, {one_extent(random, kLength)})).ok());
  EXPECT(world.run(splice(nodes, manifest, kLength, manifest.size, {})).ok());
}

TEST_CASE("edits that would move sealed chunks or leave bytes of a sealed file unsealed are refused") {
  SeededRandom random(23);
  World world;
  constexpr std::uint64_t kLength = 4 * kKiB;
  UserKey user = *UserKey::from_key_file(random_bytes(random, 32));
  SecretKey file_key = SecretKey::generate(random);
  for (std::size_t count : {3, 300}) {
    for (bool has_seal : {true, false}) {
      CAPTURE(count);
      CAPTURE(has_seal);
      std::vector<Extent> extents;
      for (std::size_t i = 0; i < count; ++i) extents.push_back(sealed_extent(random, kLength));
      MemoryNodes nodes;
      Manifest manifest = build(extents, nodes);
      if (has_seal) seal_manifest(manifest, file_key, wrap(file_key, user, random));
      auto edit = [&](std::uint64_t begin, std::uint64_t end, std::vector<Extent> replacement) {
        auto result = world.run(splice(nodes, manifest, begin, end, std::move(replacement)));
        return result.ok() ? Status() : Status(result.error());
      };
      const std::uint64_t size = manifest.size;
      // Longer, shorter and gone, between extents and inside of one.
      EXPECT(edit(kLength, kLength, {sealed_extent(random, kLength)}).is(Code::invalid_argument));
      EXPECT(edit(kLength, 2 * kLength, {sealed_extent(random, kLength - 1)}).is(Code::invalid_argument));
      EXPECT(edit(kLength, 2 * kLength, {Extent::hole(kLength + 1)}).is(Code::invalid_argument));
      EXPECT(edit(0, size - kLength, {}).is(Code::invalid_argument));
      EXPECT(edit(100, 101, {}).is(Code::invalid_argument));
      EXPECT(edit(size - 2, size - 1, {}).is(Code::invalid_argument));
      // Everything that leaves what comes behind in its place.
      EXPECT(edit(kLength, 2 * kLength, {sealed_extent(random, kLength)}).ok());
      EXPECT(edit(100, 200, {Extent::hole(100)}).ok());
      EXPECT(edit(size, size, {sealed_extent(random, kLength)}).ok());
      EXPECT(edit(size + 100, size + 100, {sealed_extent(random, kLength)}).ok());
      EXPECT(edit(kLength + 5, size, {}).ok());
      EXPECT(edit(kLength, kFileSizeMax, {sealed_extent(random, kLength)}).ok());
      // What is in the clear has no place in a file with a seal.
      EXPECT_EQ(edit(size, size, {one_extent(random, kLength)}).is(Code::invalid_argument), has_seal);
      EXPECT_EQ(edit(0, kLength, {one_extent(random, kLength)}).is(Code::invalid_argument), has_seal);
    }
  }
}

TEST_CASE("an edit of nothing leaves the manifest as it is") {
  SeededRandom random(12);
  World world;
  MemoryNodes nodes;
  const Manifest manifest = build(any_extents(random, 300), nodes);
  for (std::uint64_t at : {std::uint64_t(0), manifest.size / 2, manifest.size, manifest.size}) {
    auto edit = world.run(splice(nodes, manifest, at, at, {}));
    REQUIRE(edit.ok());
    EXPECT(edit->manifest.etag == manifest.etag);
    EXPECT(edit->fresh.empty());
  }
}
