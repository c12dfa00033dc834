// Settles what others left behind: uploads whose writer is gone, references and releases that nobody finished, chunks
// that nobody refers to, names of operations long done. Every step is a conditional write that decides by itself, so
// it does no harm that somebody else does the same.
#pragma once

#include <functional>
#include <map>

#include "base/window.h"
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
  using What = std::uint64_t;  // a piece of work, by a hash
  template <class T, class Make, class Name>
  Task<Status> settle_all(std::vector<T> items, Make make, Name name);
  Task<void> try_one(Task<Status> task, What what, Permit permit);
  bool may_try(What what);
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
  std::map<What, Instant> not_before_;  // what took long and came to nothing
  JanitorStats stats_;
};

}  // namespace vortex::node
