// What the chunker's tests share: seeded randomness, kinds of content, a loop with an inline pool.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/task_group.h"
#include "chunker/manifest_reader.h"
#include "chunker/policy.h"

namespace vortex::chunker {

// SplitMix64: equal seeds, equal numbers.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override;
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

ByteVector random_bytes(Random& random, std::size_t size);
// English-like words: compresses to about half.
ByteVector text_bytes(Random& random, std::size_t size);
// Zeros, one repeated byte, random, text, repetition of a random block, or a mixture of stretches of these.
ByteVector any_bytes(Random& random, std::size_t size);
// Valid; chunks small enough that small inputs have several.
Policy any_policy(Random& random);

// The whole chunk as an extent, at the place where it was packed.
PlacedExtent placed(const StoredChunk& chunk);

class InlinePool final : public Pool {
 public:
  explicit InlinePool(Loop& loop) : Pool(loop) {}
  void submit(UniqueFunction<void()> work, UniqueFunction<void()> done) override;
};

struct World {
  asio::io_context context;
  Loop loop{context};
  InlinePool pool{loop};

  void poll() {
    context.restart();
    context.poll();
  }
  // Runs a task that ends without the outside world.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    TaskGroup group(loop);
    auto body = [](Task<T> inner, std::optional<T>& out) -> Task<void> {
      auto value = co_await std::move(inner);
      out.emplace(std::move(value));
    };
    group.spawn(body(std::move(task), result));
    poll();
    CHECK(result.has_value());
    return std::move(*result);
  }
};

// Manifest chunks in memory; counts what is read.
class MemoryNodes final : public NodeSource {
 public:
  Task<Result<ByteVector>> load(ChunkId node) override;
  void keep(const std::vector<ManifestNode>& nodes);

  std::size_t loads = 0, loaded_bytes = 0;
  std::map<ChunkId, ByteVector> nodes;
};

// Sometimes a hole; never sealed.
Extent any_extent(Random& random);
std::vector<Extent> any_extents(Random& random, std::size_t count);
// The valid manifest of that list, its nodes in `nodes`.
Manifest build(const std::vector<Extent>& extents, MemoryNodes& nodes);

}  // namespace vortex::chunker
