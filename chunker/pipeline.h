// From a stream of bytes to chunks ready to send, on the pool, in order, in bounded memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chunker/cutter.h"
#include "chunker/ordered_window.h"
#include "chunker/pack.h"
#include "chunker/shard.h"

namespace vortex::chunker {

struct ReadyChunk {
  StoredChunk chunk;
  std::vector<Shard> shards;  // when the policy says so: these are sent instead of chunk.stored
};

// One producer (space, commit, write, finish) and one consumer (next): two tasks of the loop. stop() before it goes.
// Cutting happens on the loop thread, a piece of at most kPieceMax at a time; everything else on the pool.
class Pipeline {
 public:
  static constexpr std::size_t kWindowDefault = 64 * kMiB;
  static constexpr std::size_t kPieceMax = 256 * kKiB;

  struct Options {
    std::uint64_t file_offset = 0;        // of the first byte: where an append begins
    std::size_t window = kWindowDefault;  // memory of chunks in work or waiting to be taken, at the most
    Sealer* sealer = nullptr;             // outlives the pipeline; given exactly when the policy seals
    Options() {}
  };
  // The policy is valid.
  Pipeline(Loop& loop, Pool& pool, const Policy& policy, const Options& options);

  // Where the next bytes of the stream go; never empty. Stays valid until commit().
  MutableBytes space();
  // That many bytes were put there. Cuts and waits for room in the window. `cancelled` when the task is, and then the
  // stream is over.
  Task<Status> commit(std::size_t count);
  // Any number of bytes, copied. They must stay until it returns.
  Task<Status> write(ByteView bytes);
  // The end of the stream.
  Task<Status> finish();

  // The next chunk in order, nothing after the last. `cancelled` when the task is.
  Task<Result<std::optional<ReadyChunk>>> next();

  // Waits for what the pool still does for us, also in a cancelled task. After producer and consumer have ended.
  Task<void> stop();

 private:
  Task<Status> emit();

  const Policy policy_;
  Sealer* const sealer_;
  const std::unique_ptr<const ErasureCode> code_;
  const std::size_t draft_weight_;
  Cutter cutter_;
  std::uint64_t chunk_begin_;
  std::optional<ChunkDraft> draft_;  // the present chunk; has room for the largest
  OrderedWindow<ReadyChunk> window_;
};

}  // namespace vortex::chunker
