#include "tests/unit/chunker/support.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "chunker/manifest_builder.h"

namespace vortex::chunker {

std::uint64_t SeededRandom::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void SeededRandom::fill(MutableBytes out) {
  for (std::size_t i = 0; i < out.size(); i += 8) {
    std::uint64_t number = next();
    std::memcpy(out.data() + i, &number, std::min<std::size_t>(8, out.size() - i));
  }
}

ByteVector random_bytes(Random& random, std::size_t size) {
  ByteVector bytes(size);
  random.fill(bytes);
  return bytes;
}

ByteVector text_bytes(Random& random, std::size_t size) {
  static constexpr std::array<std::string_view, 24> kWords{
      "the",  "ring",  "says",     "where", "bytes", "should", "go",   "and",     "nobody", "has", "to",  "remember",
      "what", "stood", "between,", "when",  "a",     "node",   "dies", "quietly", "on",     "its", "own", "shelf.\n"};
  ByteVector bytes;
  bytes.reserve(size + 16);
  while (bytes.size() < size) {
    std::string_view word = kWords[random.below(kWords.size())];
    bytes.insert(bytes.end(), word.begin(), word.end());
    bytes.push_back(random.chance(0.1) ? static_cast<std::uint8_t>('a' + random.below(26)) : ' ');
  }
  bytes.resize(size);
  return bytes;
}

ByteVector any_bytes(Random& random, std::size_t size) {
  switch (random.below(6)) {
    case 0:
      return ByteVector(size, 0);
    case 1:
      return ByteVector(size, static_cast<std::uint8_t>(random.next()));
    case 2:
      return random_bytes(random, size);
    case 3:
      return text_bytes(random, size);
    case 4: {
      ByteVector block = random_bytes(random, 1 + random.below(2000)), bytes;
      while (bytes.size() < size) bytes.insert(bytes.end(), block.begin(), block.end());
      bytes.resize(size);
      return bytes;
    }
    default: {
      ByteVector bytes;
      while (bytes.size() < size) {
        std::size_t count = 1 + random.below(size - bytes.size());
        ByteVector stretch = any_bytes(random, count);
        bytes.insert(bytes.end(), stretch.begin(), stretch.end());
      }
      return bytes;
    }
  }
}

Policy any_policy(Random& random) {
  Policy policy;
  if (random.chance(0.5)) {
    policy.cut = CutPolicy::fixed(static_cast<std::uint32_t>(kChunkSizeMin + random.below(16 * kKiB)));
  } else {
    policy.cut = CutPolicy::content(static_cast<std::uint32_t>(8 * kKiB << random.below(2)));
  }
  policy.compression = static_cast<Compression>(random.below(3));
  policy.sealing = static_cast<Sealing>(random.below(2));
  if (random.chance(0.3))
    policy.code =
        CodePolicy{static_cast<std::uint8_t>(1 + random.below(10)), static_cast<std::uint8_t>(1 + random.below(4))};
  CHECK(validate(policy).ok());
  return policy;
}

PlacedExtent placed(const StoredChunk& chunk) {
  PlacedExtent extent;
  extent.offset = chunk.file_offset;
  extent.extent = Extent::of(chunk, CodePolicy());
  return extent;
}

void InlinePool::submit(UniqueFunction<void()> work, UniqueFunction<void()> done) {
  work();
  auto shared = std::make_shared<UniqueFunction<void()>>(std::move(done));
  asio::post(loop_.context(), [shared] { (*shared)(); });
}

Task<Result<ByteVector>> MemoryNodes::load(ChunkId node) {
  auto found = nodes.find(node);
  if (found == nodes.end()) co_return Error(Code::not_found, "node " + node.short_hex());
  ++loads;
  loaded_bytes += found->second.size();
  co_return found->second;
}

void MemoryNodes::keep(const std::vector<ManifestNode>& fresh) {
  for (const ManifestNode& node : fresh) nodes[node.id] = node.bytes;
}

Extent any_extent(Random& random) {
  if (random.chance(0.05)) return Extent::hole(1 + random.below(std::uint64_t(1) << 40));
  Extent extent;
  extent.chunk = random.id();
  extent.length = 1 + random.below(4 * kMiB);
  extent.stored_size = static_cast<std::uint32_t>(extent.length + kHeaderSize);
  if (random.chance(0.3)) extent.code = CodePolicy{4, 2};
  return extent;
}

std::vector<Extent> any_extents(Random& random, std::size_t count) {
  std::vector<Extent> extents;
  for (std::size_t i = 0; i < count; ++i) extents.push_back(any_extent(random));
  return extents;
}

Manifest build(const std::vector<Extent>& extents, MemoryNodes& nodes) {
  ManifestBuilder builder;
  for (const Extent& extent : extents) {
    builder.add(extent);
    nodes.keep(builder.take_nodes());
  }
  Manifest manifest = builder.finish();
  nodes.keep(builder.take_nodes());
  CHECK(validate(manifest).ok());
  return manifest;
}

}  // namespace vortex::chunker
