#include "chunker/cutter.h"

#include <algorithm>
#include <set>

#include "base/hash.h"
#include "tests/unit/chunker/support.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

// The sizes of the chunks when the stream comes in pieces of these sizes, over and over.
std::vector<std::size_t> cut(const CutPolicy& policy, ByteView bytes, const std::vector<std::size_t>& pieces,
                             const SecretKey* file_key = nullptr) {
  Cutter cutter(policy, file_key);
  std::vector<std::size_t> sizes;
  std::size_t size = 0;
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    ByteView piece = bytes.first(std::min(pieces[i % pieces.size()], bytes.size()));
    bytes = bytes.subspan(piece.size());
    while (auto end = cutter.scan(piece)) {
      sizes.push_back(size + *end);
      size = 0;
      piece = piece.subspan(*end);
    }
    size += piece.size();
    REQUIRE_EQ(cutter.pending(), size);
  }
  if (size > 0) sizes.push_back(size);
  return sizes;
}

std::vector<std::size_t> cut(const CutPolicy& policy, ByteView bytes) {
  return cut(policy, bytes, std::vector<std::size_t>{std::max<std::size_t>(bytes.size(), 1)});
}

std::set<ChunkId> names(ByteView bytes, const std::vector<std::size_t>& sizes) {
  std::set<ChunkId> ids;
  for (std::size_t size : sizes) {
    ids.insert(sha256(bytes.first(size)));
    bytes = bytes.subspan(size);
  }
  return ids;
}

}  // namespace

TEST_CASE("a fixed cut ends a chunk at every multiple of its size") {
  CutPolicy policy = CutPolicy::fixed(4096);
  for (std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(4095), std::size_t(4096), std::size_t(4097),
                           std::size_t(8192), std::size_t(10000)}) {
    std::vector<std::size_t> expected;
    for (std::size_t left = size; left > 0; left -= std::min<std::size_t>(left, 4096))
      expected.push_back(std::min<std::size_t>(left, 4096));
    EXPECT(cut(policy, ByteVector(size, 7)) == expected);
  }
}

TEST_CASE("the way a stream is split into calls does not move a cut") {
  SeededRandom random(1);
  for (int round = 0; round < 20; ++round) {
    ByteVector bytes = any_bytes(random, 300 * kKiB);
    for (const CutPolicy& policy : {CutPolicy::fixed(5000), CutPolicy::content(16 * kKiB)}) {
      std::vector<std::size_t> whole = cut(policy, bytes);
      EXPECT(cut(policy, bytes, {1}) == whole);
      EXPECT(cut(policy, bytes, {63, 1, 64, 65}) == whole);
      std::vector<std::size_t> pieces;
      for (int i = 0; i < 50; ++i) pieces.push_back(1 + random.below(9000));
      EXPECT(cut(policy, bytes, pieces) == whole);
      EXPECT(cut(policy, bytes, {4096, 4095, 4097}) == whole);
    }
  }
}

TEST_CASE("chunks cut by content keep to their bounds, also where the content offers no or every cut") {
  SeededRandom random(2);
  CutPolicy policy = CutPolicy::content(16 * kKiB);
  for (int kind = 0; kind < 60; ++kind) {
    ByteVector bytes = kind == 0 ? ByteVector(500000, 0) : any_bytes(random, 500000);
    std::vector<std::size_t> sizes = cut(policy, bytes);
    std::size_t sum = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      EXPECT_LE(sizes[i], policy.maximum);
      if (i + 1 < sizes.size()) EXPECT_GT(sizes[i], policy.minimum);
      sum += sizes[i];
    }
    EXPECT_EQ(sum, bytes.size());
  }
}

TEST_CASE("the cuts of a known stream never change, since files already stored depend on them") {
  SeededRandom random(42);
  ByteVector bytes = random_bytes(random, 200 * kKiB);
  EXPECT(cut(CutPolicy::content(16 * kKiB), bytes) == std::vector<std::size_t>{15978, 19630, 14478, 19075, 23390, 14880,
                                                                               14679, 7045, 18661, 14386, 14425, 15089,
                                                                               4140, 8944});
}

TEST_CASE("a byte inserted at the front of 256 MiB changes at most three chunks, and sizes crowd around the average") {
  SeededRandom random(3);
  ByteVector bytes = random_bytes(random, 256 * kMiB);
  CutPolicy policy = CutPolicy::content(1 * kMiB);
  std::vector<std::size_t> sizes = cut(policy, bytes);
  std::set<ChunkId> before = names(bytes, sizes);
  bytes.insert(bytes.begin(), 'x');
  std::set<ChunkId> after = names(bytes, cut(policy, bytes));
  std::vector<ChunkId> changed;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(changed));
  EXPECT_LE(changed.size(), 3);
  EXPECT_GE(changed.size(), 1);

  std::size_t mean = 256 * kMiB / sizes.size();
  EXPECT_GT(mean, 900 * kKiB);
  EXPECT_LT(mean, 1150 * kKiB);
  std::sort(sizes.begin(), sizes.end());
  auto share = [&sizes](int percent) { return sizes[sizes.size() * static_cast<std::size_t>(percent) / 100] / kKiB; };
  DOCTEST_MESSAGE("chunks " << sizes.size() << ", changed " << changed.size() << ", KiB: mean " << mean / kKiB
                            << ", 5% " << share(5) << ", 25% " << share(25) << ", median " << share(50) << ", 75% "
                            << share(75) << ", 95% " << share(95) << ", largest " << sizes.back() / kKiB);
}

TEST_CASE("with a file's key the cuts are its own: the sizes of chunks do not tell whose content they are") {
  SeededRandom random(31);
  ByteVector bytes = text_bytes(random, 400'000);
  const SecretKey one = SecretKey::generate(random), other = SecretKey::generate(random);
  const CutPolicy policy = CutPolicy::content(8 * kKiB);
  const std::vector<std::size_t> whole{bytes.size()}, pieces{1, 4000, 77};
  auto clear = cut(policy, bytes, whole), with_one = cut(policy, bytes, whole, &one);
  EXPECT(with_one == cut(policy, bytes, pieces, &one));
  EXPECT(with_one != clear);
  EXPECT(with_one != cut(policy, bytes, whole, &other));
  // As good as the open ones: near the average.
  EXPECT_LT(with_one.size(), bytes.size() / (5 * kKiB));
  EXPECT_GT(with_one.size(), bytes.size() / (14 * kKiB));
}
