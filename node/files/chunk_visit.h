// Walking over all chunks of a manifest, with what it takes to do something durable to each of them.
#pragma once

#include <functional>
#include <set>

#include "base/env.h"
#include "chunker/manifest_reader.h"

namespace vortex::node {

// Called at most once at a time for one chunk of a leaf; many at once.
using ChunkVisitor = std::function<Task<Status>(ChunkId)>;

// Every chunk of the manifest, a node after all that is below it: so the walk can be begun anew after a crash though
// visited chunks may be gone. A node that is gone is visited, and nothing below it. Nodes in `skip` are not looked at.
class ChunkWalk {
 public:
  ChunkWalk(Env& env, chunker::NodeSource& nodes, ChunkVisitor visitor)
      : env_(env), nodes_(nodes), visitor_(std::move(visitor)) {}

  Task<Status> run(chunker::Manifest manifest);
  void skip(std::set<ChunkId> nodes) { skip_ = std::move(nodes); }
  // Nodes that could not be loaded because they are gone.
  std::uint64_t missing() const { return missing_; }

 private:
  // The records begin at `offset` of the file. `last`: no node of this level comes behind.
  Task<Status> visit_below(std::uint8_t level, std::vector<chunker::Record> records, std::uint64_t offset, bool last);
  Task<Status> visit_extents(std::vector<chunker::Record> records);
  Task<void> visit_one(ChunkId chunk, Status& status);

  Env& env_;
  chunker::NodeSource& nodes_;
  ChunkVisitor visitor_;
  std::set<ChunkId> skip_;
  std::uint64_t missing_ = 0;
};

// The ids of a manifest's nodes.
Task<Result<std::set<ChunkId>>> nodes_of(chunker::NodeSource& nodes, chunker::Manifest manifest);

// What `manifest` has and `kept` has not. `stale` when `kept` cannot be read any more.
Task<Result<std::set<ChunkId>>> chunks_only_in(Env& env, chunker::NodeSource& nodes, chunker::Manifest manifest,
                                               chunker::Manifest kept);

}  // namespace vortex::node
