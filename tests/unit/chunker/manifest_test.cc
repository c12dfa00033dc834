#include "chunker/manifest.h"

#include <map>
#include <set>

#include "chunker/manifest_builder.h"
#include "chunker/manifest_edit.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

// What a splice does to a plain list.
std::vector<Extent> splice_list(const std::vector<Extent>& extents, std::uint64_t begin, std::uint64_t end,
                                std::vector<Extent> replacement) {
  std::vector<Extent> result;
  std::uint64_t at = 0, size = 0;
  for (const Extent& extent : extents) size += extent.length;
  if (begin > size) replacement.insert(replacement.begin(), Extent::hole(begin - size));
  begin = std::min(begin, size);
  end = std::clamp(end, begin, size);
  if (begin == end && replacement.empty()) return extents;
  for (const Extent& extent : extents) {
    std::uint64_t stop = at + extent.length;
    if (at < begin) result.push_back(extent.part(0, std::min(stop, begin) - at));
    if (at <= begin && begin < stop) result.insert(result.end(), replacement.begin(), replacement.end());
    if (stop > end) {
      std::uint64_t from = std::max(at, end);
      result.push_back(extent.part(from - at, stop - from));
    }
    at = stop;
  }
  if (begin == size) result.insert(result.end(), replacement.begin(), replacement.end());
  return result;
}

std::vector<PlacedExtent> all_placed(const std::vector<Extent>& extents) {
  std::vector<PlacedExtent> result;
  std::uint64_t at = 0;
  for (const Extent& extent : extents) {
    result.push_back({at, extent});
    at += extent.length;
  }
  return result;
}

Manifest spliced(World& world, MemoryNodes& nodes, const Manifest& manifest, std::uint64_t begin, std::uint64_t end,
                 const std::vector<Extent>& replacement) {
  auto edit = world.run(splice(nodes, manifest, begin, end, replacement));
  REQUIRE(edit.ok());
  nodes.keep(edit->fresh);
  REQUIRE(validate(edit->manifest).ok());
  return edit->manifest;
}

}  // namespace

TEST_CASE("an extent is 45 bytes and comes back, and impossible ones are refused") {
  SeededRandom random(1);
  for (int round = 0; round < 1000; ++round) {
    Extent extent = any_extent(random);
    auto back = decode_extent(encode_extent(extent));
    REQUIRE(back.ok());
    EXPECT(*back == extent);
  }
  Extent extent;
  extent.chunk = random.id();
  extent.length = 1000;
  extent.skip = 24;
  extent.stored_size = 1024 + kHeaderSize;
  Record good = encode_extent(extent);
  auto with = [&good](std::size_t at, std::uint8_t value) {
    Record record = good;
    record[at] = value;
    return decode_extent(record);
  };
  EXPECT(with(35, 24).ok());
  EXPECT(with(35, 25).is(Code::damaged));  // reaches beyond its chunk
  EXPECT(with(41, 4).is(Code::damaged));
  EXPECT(with(42, 3).is(Code::damaged));  // data shards without parity
  EXPECT(with(44, 1).is(Code::damaged));
  EXPECT(with(34, 0x90).is(Code::damaged));  // longer than any chunk
  EXPECT(decode_extent(Record()).is(Code::damaged));
  good = encode_extent(Extent::hole(1));
  EXPECT(with(39, 0x3F).ok());
  EXPECT(with(39, 0x40).is(Code::damaged));  // longer than any file
  for (std::size_t at = 40; at < kRecordSize; ++at) EXPECT(with(at, 1).is(Code::damaged));
}

TEST_CASE("an extent has the bytes the format says") {
  Extent extent;
  for (std::size_t i = 0; i < 32; ++i) extent.chunk.bytes[i] = static_cast<std::uint8_t>(i + 1);
  extent.length = 0x11223;
  extent.skip = 0x445;
  extent.stored_size = 0x6677;
  extent.compressed = true;
  extent.sealed = true;
  extent.code = CodePolicy{10, 4};
  EXPECT_EQ(to_hex(encode_extent(extent)),
            "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
            "231201450400776600030a0400");
  EXPECT_EQ(to_hex(encode_extent(Extent::hole(0x0000123456789ABC))),
            std::string(64, '0') + "bc9a7856341200000000000000");
}

TEST_CASE("a built manifest finds every extent, whatever the number") {
  SeededRandom random(2);
  World world;
  for (std::size_t count : {0, 1, 63, 64, 65, 66, 127, 500, 3000, 20000}) {
    CAPTURE(count);
    MemoryNodes nodes;
    std::vector<Extent> extents = any_extents(random, count);
    Manifest manifest = build(extents, nodes);
    EXPECT_LE(manifest.records.size(), kRootRecordsMax);
    EXPECT_EQ(manifest.level == 0, count <= kRootRecordsMax);
    ManifestReader reader(nodes, manifest);
    auto all = world.run(reader.find(0, kFileSizeMax, count + 1));
    REQUIRE(all.ok());
    std::vector<PlacedExtent> expected = all_placed(extents);
    EXPECT(all->extents == expected);
    EXPECT_EQ(all->covered_to, manifest.size);
    EXPECT_EQ(all->nodes.size(), nodes.nodes.size());
    for (int round = 0; round < 50 && count > 0; ++round) {
      const PlacedExtent& one = expected[random.below(count)];
      std::uint64_t offset = one.offset + random.below(one.extent.length);
      auto found = world.run(reader.find(offset, 1, 10));
      REQUIRE(found.ok());
      EXPECT(found->extents == std::vector<PlacedExtent>{one});
    }
    auto beyond = world.run(reader.find(manifest.size, 10, 10));
    REQUIRE(beyond.ok());
    EXPECT(beyond->extents.empty());
  }
}

TEST_CASE("going through in windows sees every extent and every node once") {
  SeededRandom random(3);
  World world;
  MemoryNodes nodes;
  std::vector<Extent> extents = any_extents(random, 5000);
  Manifest manifest = build(extents, nodes);
  ManifestReader reader(nodes, manifest);
  std::vector<PlacedExtent> seen;
  std::multiset<ChunkId> seen_nodes;
  std::uint64_t at = 0;
  while (at < manifest.size) {
    auto found = world.run(reader.find(at, kFileSizeMax, 1 + random.below(300)));
    REQUIRE(found.ok());
    seen.insert(seen.end(), found->extents.begin(), found->extents.end());
    seen_nodes.insert(found->nodes.begin(), found->nodes.end());
    EXPECT_GT(found->covered_to, at);
    at = found->covered_to;
  }
  EXPECT(seen == all_placed(extents));
  EXPECT_EQ(seen_nodes.size(), nodes.nodes.size());
  for (const auto& [id, bytes] : nodes.nodes) EXPECT_EQ(seen_nodes.count(id), 1);
  EXPECT_EQ(nodes.loads, nodes.nodes.size());
}

TEST_CASE("a file of 10 TiB is opened at any offset by reading a few KiB, and edited by writing a few") {
  SeededRandom random(4);
  World world;
  MemoryNodes nodes;
  constexpr std::uint64_t kChunks = 10 * 1024 * 1024 / 4;
  ManifestBuilder builder;
  Extent extent;
  extent.length = 4 * kMiB;
  extent.stored_size = static_cast<std::uint32_t>(extent.length + kHeaderSize);
  std::size_t held_most = 0;
  for (std::uint64_t i = 0; i < kChunks; ++i) {
    extent.chunk = random.id();
    builder.add(extent);
    std::vector<ManifestNode> fresh = builder.take_nodes();
    held_most = std::max(held_most, fresh.size());
    nodes.keep(fresh);
  }
  Manifest manifest = builder.finish();
  nodes.keep(builder.take_nodes());
  REQUIRE_EQ(manifest.size, kChunks * 4 * kMiB);
  EXPECT_LE(held_most, 70);
  std::size_t root = encode(manifest).size(), worst = 0, sum = 0, total = 0;
  for (const auto& [id, bytes] : nodes.nodes) total += bytes.size();
  EXPECT_LE(total, kChunks * 47);  // 45 bytes each, and the levels above
  constexpr int kLooks = 500;
  for (int round = 0; round < kLooks; ++round) {
    ManifestReader reader(nodes, manifest);
    nodes.loaded_bytes = 0;
    std::uint64_t offset = random.below(manifest.size);
    auto found = world.run(reader.find(offset, 1, 1));
    REQUIRE(found.ok());
    EXPECT_EQ(found->extents.at(0).offset, offset / extent.length * extent.length);
    worst = std::max(worst, nodes.loaded_bytes);
    sum += nodes.loaded_bytes;
  }
  EXPECT_LE(root, 4 * kKiB);
  EXPECT_LE(sum / kLooks, 12 * kKiB);
  EXPECT_LE(worst, 20 * kKiB);

  std::size_t written = 0, written_nodes = 0;
  constexpr int kEdits = 50;
  for (int round = 0; round < kEdits; ++round) {
    extent.chunk = random.id();
    std::uint64_t at = round % 2 == 0 ? manifest.size : random.below(kChunks) * extent.length;
    auto edit = world.run(splice(nodes, manifest, at, at + extent.length, {extent}));
    REQUIRE(edit.ok());
    for (const ManifestNode& node : edit->fresh) written += node.bytes.size();
    written_nodes += edit->fresh.size();
    nodes.keep(edit->fresh);
    manifest = edit->manifest;
  }
  EXPECT_LE(written / kEdits, 20 * kKiB);
  DOCTEST_MESSAGE("10 TiB: levels " << int(manifest.level) << ", nodes " << nodes.nodes.size() << ", root " << root
                                    << " B, opening reads " << sum / kLooks << " B (worst " << worst
                                    << "), an edit writes " << written / kEdits << " B in "
                                    << double(written_nodes) / kEdits << " nodes, " << double(total) / double(kChunks)
                                    << " B a chunk");
}

TEST_CASE("whatever the edits, the manifest is the one that the resulting list gives") {
  SeededRandom random(5);
  World world;
  for (int file = 0; file < 12; ++file) {
    MemoryNodes nodes;
    std::vector<Extent> extents = any_extents(random, random.below(file % 3 == 0 ? 100 : 3000));
    Manifest manifest = build(extents, nodes);
    for (int edit = 0; edit < 25; ++edit) {
      CAPTURE(file);
      CAPTURE(edit);
      std::uint64_t begin = random.below(manifest.size + 1 + manifest.size / 20), end = begin;
      switch (random.below(5)) {
        case 0:
          begin = end = manifest.size;
          break;  // append
        case 1:
          end = begin + random.below(16 * kMiB);
          break;  // overwrite a little
        case 2:
          end = begin + random.below(manifest.size + 1);
          break;  // a lot
        case 3:
          end = kFileSizeMax;
          break;  // cut off the tail
        default:
          break;  // insert
      }
      // Often exactly at the border of extents.
      if (random.chance(0.3) && !extents.empty()) {
        begin = all_placed(extents)[random.below(extents.size())].offset;
        end = std::max(begin, end);
      }
      std::vector<Extent> replacement = any_extents(random, random.chance(0.2) ? random.below(400) : random.below(4));
      manifest = spliced(world, nodes, manifest, begin, end, replacement);
      extents = splice_list(extents, begin, end, replacement);
      MemoryNodes scratch;
      Manifest rebuilt = build(extents, scratch);
      REQUIRE(manifest == rebuilt);
      for (const auto& [id, bytes] : scratch.nodes) REQUIRE(nodes.nodes.contains(id));
    }
  }
}

TEST_CASE("an edit hands out no node that the new manifest does not use") {
  SeededRandom random(6);
  World world;
  MemoryNodes nodes;
  Manifest manifest = build(any_extents(random, 4000), nodes);
  for (std::uint64_t keep : {manifest.size / 2, manifest.size / 50, std::uint64_t(1000)}) {
    auto edit = world.run(splice(nodes, manifest, keep, manifest.size, {}));
    REQUIRE(edit.ok());
    MemoryNodes all = nodes;
    all.keep(edit->fresh);
    ManifestReader reader(all, edit->manifest);
    auto found = world.run(reader.find(0, kFileSizeMax, 10000));
    REQUIRE(found.ok());
    std::set<ChunkId> used(found->nodes.begin(), found->nodes.end());
    for (const ManifestNode& node : edit->fresh) EXPECT(used.contains(node.id));
  }
}

TEST_CASE("impossible edits and a missing or damaged node are errors, not surprises") {
  SeededRandom random(7);
  World world;
  MemoryNodes nodes;
  Manifest manifest = build(any_extents(random, 1000), nodes);
  EXPECT(world.run(splice(nodes, manifest, 10, 5, {})).is(Code::invalid_argument));
  EXPECT(world.run(splice(nodes, manifest, 0, 0, {Extent::hole(kFileSizeMax)})).is(Code::too_large));
  EXPECT(world.run(splice(nodes, manifest, kFileSizeMax, kFileSizeMax, any_extents(random, 1))).is(Code::too_large));
  for (auto& [id, bytes] : nodes.nodes) {
    ByteVector good = bytes;
    bytes[random.below(bytes.size())] ^= 4;
    ManifestReader reader(nodes, manifest);
    EXPECT(world.run(reader.find(0, kFileSizeMax, 2000)).is(Code::damaged));
    bytes = good;
  }
  nodes.nodes.erase(nodes.nodes.begin());
  ManifestReader reader(nodes, manifest);
  EXPECT(world.run(reader.find(0, kFileSizeMax, 2000)).is(Code::not_found));
}

TEST_CASE("every flipped bit of a manifest's root and of a node is found") {
  SeededRandom random(8);
  MemoryNodes nodes;
  for (std::size_t count : {5, 200}) {
    Manifest manifest = build(any_extents(random, count), nodes);
    UserKey user = *UserKey::from_key_file(random_bytes(random, 32));
    SecretKey file_key = SecretKey::generate(random);
    seal_manifest(manifest, file_key, wrap(file_key, user, random));
    REQUIRE(open_seal(manifest, user).ok());
    ByteVector bytes = encode(manifest);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      ByteVector bad = bytes;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      auto decoded = decode<Manifest>(bad);
      CAPTURE(bit);
      REQUIRE((!decoded.ok() || !validate(*decoded).ok() || !open_seal(*decoded, user).ok()));
    }
  }
  const Manifest manifest = build(any_extents(random, 200), nodes);
  REQUIRE_EQ(manifest.level, 1);
  const NodeReference reference = *decode_reference(manifest.records.front());
  const ByteVector bytes = nodes.nodes.at(reference.node);
  REQUIRE(decode_node(bytes, 0, reference, 0, true).ok());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    ByteVector bad = bytes;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    REQUIRE(!decode_node(bad, 0, reference, 0, true).ok());
  }
}

TEST_CASE("the seal of a manifest holds its content, and rotation changes neither content nor ETag") {
  SeededRandom random(9);
  MemoryNodes nodes;
  Manifest manifest = build(any_extents(random, 20), nodes), other = build(any_extents(random, 20), nodes);
  UserKey alice = *UserKey::from_key_file(random_bytes(random, 32)),
          bob = *UserKey::from_key_file(random_bytes(random, 32));
  SecretKey file_key = SecretKey::generate(random);
  EXPECT(open_seal(manifest, alice).is(Code::damaged));
  seal_manifest(manifest, file_key, wrap(file_key, alice, random));
  auto opened = open_seal(manifest, alice);
  REQUIRE(opened.ok());
  EXPECT(equal(opened->bytes(), file_key.bytes()));
  EXPECT(open_seal(manifest, bob).is(Code::permission_denied));

  Manifest shorter = manifest;
  shorter.size -= record_length(0, shorter.records.back());
  shorter.records.pop_back();
  shorter.settle();
  REQUIRE(validate(shorter).ok());
  EXPECT(open_seal(shorter, alice).is(Code::damaged));
  other.seal = manifest.seal;
  EXPECT(open_seal(other, alice).is(Code::damaged));

  Manifest rotated = manifest;
  EXPECT(rotate_seal(rotated, bob, alice, random).is(Code::permission_denied));
  REQUIRE(rotate_seal(rotated, alice, bob, random).ok());
  EXPECT(rotated.etag == manifest.etag);
  EXPECT(rotated.records == manifest.records);
  EXPECT(open_seal(rotated, bob).ok());
  EXPECT(open_seal(rotated, alice).is(Code::permission_denied));
}

TEST_CASE("a manifest with right sums and impossible fields is refused") {
  SeededRandom random(10);
  MemoryNodes nodes;
  const Manifest good = build(any_extents(random, 200), nodes);
  REQUIRE(validate(good).ok());
  auto with = [&good](auto change) {
    Manifest manifest = good;
    change(manifest);
    manifest.settle();
    return validate(manifest);
  };
  EXPECT(with([](Manifest& m) { m.version = 2; }).is(Code::unsupported_version));
  EXPECT(with([](Manifest& m) { m.level = 100; }).is(Code::damaged));
  EXPECT(with([](Manifest& m) { m.level = 0; }).is(Code::damaged));
  EXPECT(with([](Manifest& m) { m.size += 1; }).is(Code::damaged));
  EXPECT(with([](Manifest& m) { m.records.clear(), m.size = 0; }).is(Code::damaged));
  EXPECT(with([](Manifest& m) { m.records.resize(65, m.records[0]); }).is(Code::damaged));
  EXPECT(with([](Manifest& m) { m.records[0] = Record(); }).is(Code::damaged));
}

namespace {

// A tree in which things may be wrong, but every node has the content that it is named by.
struct Forgery {
  MemoryNodes nodes;
  NodeReference add(std::uint8_t level, const std::vector<Record>& records) {
    ManifestNode node = encode_node(level, records);
    nodes.keep({node});
    RecordTotals totals = *add_up(level, records);
    return NodeReference{node.id, totals.length, totals.extents};
  }
};

Manifest root_of(std::uint8_t level, const std::vector<NodeReference>& references) {
  Manifest manifest;
  manifest.level = level;
  for (const NodeReference& reference : references) {
    manifest.records.push_back(encode_reference(reference));
    manifest.size += reference.length;
  }
  manifest.settle();
  REQUIRE(validate(manifest).ok());
  return manifest;
}

std::vector<Record> extent_records(const std::vector<Extent>& extents) {
  std::vector<Record> records;
  for (const Extent& extent : extents) records.push_back(encode_extent(extent));
  return records;
}

// Everything one can do with a manifest ends, with an error or with a manifest that is valid.
void use_all(Manifest manifest, MemoryNodes& nodes, SeededRandom& random) {
  World world;
  ManifestReader reader(nodes, manifest);
  (void)world.run(reader.find(0, kFileSizeMax, 1000)).ok();
  for (int round = 0; round < 20; ++round) {
    std::uint64_t begin = random.below(manifest.size + 1), end = begin + random.below(manifest.size - begin + 1);
    auto edit = world.run(splice(nodes, manifest, begin, end, any_extents(random, random.below(100))));
    if (!edit.ok()) continue;
    REQUIRE(validate(edit->manifest).ok());
    MemoryNodes after = nodes;
    after.keep(edit->fresh);
    ManifestReader again(after, edit->manifest);
    (void)world.run(again.find(0, kFileSizeMax, 1000)).ok();
  }
}

}  // namespace

TEST_CASE("a root on the highest level that an edit would have to split is refused") {
  SeededRandom random(11);
  World world;
  Forgery forgery;
  constexpr std::uint64_t kLength = 1000, kBefore = (kNodeRecordsMin - 1) * kLength;
  auto elsewhere = [&] { return encode_reference(NodeReference{random.id(), kLength, 10}); };
  auto extent = [&] {
    Extent one;
    one.chunk = random.id();
    one.length = kLength;
    one.stored_size = kLength + kHeaderSize;
    return encode_extent(one);
  };
  // The last node of every level is full, so that one more extent makes two of each. So its last record begins here.
  auto last_begins = [](std::uint8_t level) {
    return (kRootRecordsMax - 1) * kLength + kBefore * static_cast<std::uint64_t>(kManifestLevelMax - level);
  };
  std::vector<Record> records;
  while (records.size() < kNodeRecordsMin) records.push_back(extent());
  while (!ends_node(records.size(), records.back(), last_begins(0))) records.back() = extent();
  for (std::uint8_t level = 0; level + 1 < kManifestLevelMax; ++level) {
    std::vector<Record> above;
    const auto above_level = static_cast<std::uint8_t>(level + 1);
    while (above.empty() || !ends_node(kNodeRecordsMin, above.back(), last_begins(above_level))) {
      records[0] = level == 0 ? extent() : elsewhere();
      above.assign(kNodeRecordsMin - 1, Record());
      for (Record& record : above) record = elsewhere();
      above.push_back(encode_reference(forgery.add(level, records)));
    }
    records = above;
  }
  std::vector<NodeReference> references(kRootRecordsMax - 1, *decode_reference(elsewhere()));
  references.push_back(forgery.add(kManifestLevelMax - 1, records));
  Manifest manifest = root_of(kManifestLevelMax, references);
  auto edit = world.run(splice(forgery.nodes, manifest, manifest.size, manifest.size, any_extents(random, 1)));
  EXPECT(edit.is(Code::too_large));
  use_all(manifest, forgery.nodes, random);
}

TEST_CASE("a node that is not as long as its reference says is an error for readers and for edits") {
  SeededRandom random(12);
  World world;
  for (int lie = 0; lie < 4; ++lie) {
    Forgery forgery;
    NodeReference child = forgery.add(0, extent_records(any_extents(random, 10)));
    child.length += lie == 0 ? 1 : 0;
    child.length -= lie == 1 ? 1 : 0;
    child.extents += lie == 2 ? 1 : 0;
    child.extents -= lie == 3 ? 1 : 0;
    Manifest manifest = root_of(1, {child});
    ManifestReader reader(forgery.nodes, manifest);
    EXPECT(world.run(reader.find(0, 10, 10)).is(Code::damaged));
    EXPECT(world.run(splice(forgery.nodes, manifest, 5, 6, any_extents(random, 1))).is(Code::damaged));
    use_all(manifest, forgery.nodes, random);
  }
  // One that only lowering the root looks at: the edit empties all the rest.
  for (std::uint64_t shorter : {0, 1}) {
    Forgery forgery;
    std::vector<Extent> extents = any_extents(random, 200);
    MemoryNodes honest;
    Manifest manifest = build(extents, forgery.nodes);
    REQUIRE_EQ(manifest.level, 1);
    NodeReference last = *decode_reference(manifest.records.back());
    last.length -= shorter;
    manifest.records.back() = encode_reference(last);
    manifest.size -= shorter;
    manifest.settle();
    auto edit = world.run(splice(forgery.nodes, manifest, 0, manifest.size - last.length, {}));
    EXPECT_EQ(edit.ok(), shorter == 0);
    if (shorter == 1) EXPECT(edit.is(Code::damaged));
  }
}

TEST_CASE("a node that ends elsewhere than nodes end is refused") {
  SeededRandom random(13);
  World world;
  std::vector<Extent> extents = any_extents(random, 300);
  MemoryNodes nodes;
  Manifest manifest = build(extents, nodes);
  ManifestReader reader(nodes, manifest);
  std::vector<Record> records = extent_records(extents);
  std::size_t first = (*world.run(reader.locate(0, 0)))->records.size();
  for (std::size_t wrong : {std::size_t(1), first - 1, first + 1, first + 5}) {
    Forgery forgery;
    auto at = static_cast<std::ptrdiff_t>(wrong);
    NodeReference a = forgery.add(0, {records.begin(), records.begin() + at}),
                  b = forgery.add(0, {records.begin() + at, records.begin() + at + 3});
    Manifest bad = root_of(1, {a, b});
    ManifestReader look(forgery.nodes, bad);
    EXPECT(world.run(look.find(0, 10, 10)).is(Code::damaged));
    use_all(bad, forgery.nodes, random);
  }
}

TEST_CASE("a reader of a manifest that nobody validated ends") {
  World world;
  MemoryNodes nodes;
  SeededRandom random(14);
  Manifest manifest = build(any_extents(random, 3), nodes);
  manifest.size += 5;
  ManifestReader reader(nodes, manifest);
  EXPECT(world.run(reader.find(0, kFileSizeMax, 100)).is(Code::damaged));
}

TEST_CASE("references that together stand for more extents than a file may have are refused") {
  SeededRandom random(15);
  World world;
  MemoryNodes nodes;
  NodeReference half{random.id(), kExtentsMax, kExtentsMax / 2};
  Manifest manifest = root_of(1, {half, half});
  EXPECT(world.run(splice(nodes, manifest, 0, 0, any_extents(random, 1))).is(Code::too_large));
  manifest.records.push_back(manifest.records[0]);
  manifest.size += half.length;
  manifest.settle();
  EXPECT(validate(manifest).is(Code::damaged));
}
