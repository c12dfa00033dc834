// The receiving side of repair and rebalance: makes this node hold a chunk, and proves that it holds others.
#pragma once

#include <optional>
#include <string>

#include "base/token_bucket.h"
#include "base/window.h"
#include "net/dispatcher.h"
#include "node/chunk_service.h"
#include "node/client/remote_holders.h"

namespace vortex::node {

struct CopierOptions {
  std::size_t bytes_in_flight = 64 * kMiB;
  // Copies that may wait for room; beyond it the answer is `busy`.
  std::size_t waiting_max = 256;
  Duration get_timeout = seconds(20);
  // While clients use this node's chunks, and so long after, copies come one at a time with pauses as long as they
  // take.
  Duration foreground_lasts = milliseconds(500);

  CopierOptions() {}
};

struct Copied {
  Receipt receipt;  // durable
  std::uint64_t moved = 0;
  std::vector<NodeId> lacks;  // sources without a sound copy
};

struct CopierStats {
  std::uint64_t copies = 0, taken_over = 0, bytes = 0, bad_sources = 0, proven = 0, disproven = 0;
};

class Copier {
 public:
  // All outlive it.
  Copier(Env& env, ChunkStore& store, ChunkService& service, ChunkHolders& holders,
         CopierOptions options = CopierOptions());
  // CopyChunk and ProveChunks.
  void serve(net::Dispatcher& dispatcher);

  // `too_few_nodes` when no source has a sound copy, `busy`, `no_space`, …
  Task<Result<Copied>> copy(ChunkId chunk, std::uint32_t size, std::vector<NodeId> sources);
  // Is there a copy with this number or a higher one, sound from beginning to end?
  Task<Result<bool>> prove(ChunkId chunk, CopyNumber at_least);

  // 0: no limit.
  void set_rate(double bytes_per_second);
  // Why copies to this node go slower than they could; empty when they do not.
  std::string slowed() const;
  const CopierStats& stats() const { return stats_; }

 private:
  Task<Result<CopyNumber>> check(ChunkId chunk);
  Task<Status> check_bytes(ChunkId chunk, std::uint32_t length, std::uint16_t form_bits, Buffer stored);
  Task<Result<Receipt>> take_over(ChunkId chunk);
  Task<Result<Receipt>> durable(Receipt staged);
  Task<Result<HeldBytes>> fetch(ChunkId chunk, NodeId source);
  bool foreground() const;

  Env& env_;
  ChunkStore& store_;
  ChunkService& service_;
  ChunkHolders& holders_;
  const CopierOptions options_;
  Window bytes_;
  Window gentle_;  // one permit: copies while clients are at work
  TokenBucket rate_;
  std::optional<Instant> full_;                  // when there was no space the last time
  std::optional<Instant> made_way_, held_back_;  // lately: for clients, and by the rate
  CopierStats stats_;
};

}  // namespace vortex::node
