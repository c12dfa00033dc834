// Settles what others left behind: uploads whose writer is gone, references and releases that nobody finished, chunks
// that nobody refers to, names of operations long done. Every step is a conditional write that decides by itself, so
// it does no harm that somebody else does the same.
#pragma once

#include <functional>

#include "node/files/chunk_records.h"
#include "node/upkeep/survey.h"

namespace vortex::node {

struct JanitorStats {
  std::uint64_t uploads = 0, releases = 0, references = 0, condemned = 0, erased_copies = 0, forgotten_chunks = 0,
                operations = 0;
};

class Janitor {
 public:
  // Erases copies at a holder.
  using Erase = std::function<Task<Status>(NodeId, ChunkId, CopyNumber)>;
  // All outlive it. `nodes` reads manifest chunks.
  Janitor(Env& env, dht::Records& records, ChunkRecords& chunks, chunker::NodeSource& nodes, Places& places,
          Erase erase);

  // Does what can be done now of it; the rest is found again. Fails only with `cancelled`.
  Task<Status> settle(Leftovers leftovers);
  const JanitorStats& stats() const { return stats_; }

 private:
  Task<Status> settle_upload(SilentUpload upload);
  Task<Status> settle_release(dht::Key release);
  Task<Status> settle_references(UploadName upload, std::vector<ChunkId> chunks);
  Task<Status> condemn(ChunkId chunk);
  Task<Status> lower(ChunkId chunk);
  Task<Status> end_chunk(DoomedChunk doomed);
  Task<Status> forget_operations(std::vector<VersionedKey> operations);
  Task<Status> erase(NodeId node, ChunkId chunk, CopyNumber up_to);

  Env& env_;
  dht::Records& records_;
  ChunkRecords& chunks_;
  chunker::NodeSource& nodes_;
  Places& places_;
  const Erase erase_;
  JanitorStats stats_;
};

}  // namespace vortex::node
