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
  std::size_t memory = 0;     // what all these bytes occupy
  WindowRoom room;            // that much of the pipeline's window, for as long as this lives
};

// One producer (space, commit, write, finish) and one consumer (next): two tasks of the loop. stop() before it goes.
// Cutting happens on the loop thread, a piece of at most kPieceMax at a time; everything else on the pool.
class Pipeline {
 public:
  // Larger ones gain nothing: chunks leave the processor's cache and blocks the block cache before they are used.
  static constexpr std::size_t kWindowDefault = 32 * kMiB;
  static constexpr std::size_t kPieceMax = 256 * kKiB;

  struct Options {
    std::uint64_t file_offset = 0;        // of the first byte: where an append begins
    std::size_t window = kWindowDefault;  // memory of chunks in work, waiting or taken and still alive, at the most
    Sealer* sealer = nullptr;             // outlives the pipeline; given exactly when the policy seals
    Options() {}
  };
  // The policy is valid.
  Pipeline(Loop& loop, Pool& pool, const Policy& policy, const Options& options);

  // Where the next bytes of the stream go; never empty. Stays valid until commit().
  MutableBytes space();
  // That many bytes were put there. Cuts and waits for room in the window: until the consumer lets go of chunks.
  // `cancelled` when the task is, and then the stream is over, as after abandon().
  Task<Status> commit(std::size_t count);
  // Any number of bytes, copied a piece at a time; others have their turn between. They must stay until it returns.
  Task<Status> write(ByteView bytes);
  // The end of the stream, when all of it was committed.
  Task<Status> finish();
  // The stream breaks off: every call of producer and consumer is answered `cancelled` from now on, so that nobody
  // takes what there is for all of it.
  void abandon();

  // The next chunk in order, nothing after the last. `cancelled` when the task is or the stream broke off.
  Task<Result<std::optional<ReadyChunk>>> next();

  // Waits for what the pool still does for us, also in a cancelled task. After producer and consumer have ended.
  Task<void> stop();

 private:
  Task<Status> emit();

  Loop& loop_;
  const Policy policy_;
  Sealer* const sealer_;
  const std::unique_ptr<const ErasureCode> code_;
  const std::size_t draft_room_;  // of a new draft; the rare chunk that outgrows it moves to one of the largest size
  Cutter cutter_;
  std::uint64_t chunk_begin_;
  bool abandoned_ = false;
  std::optional<ChunkDraft> draft_;  // the present chunk
  OrderedWindow<ReadyChunk> window_;
};

}  // namespace vortex::chunker
