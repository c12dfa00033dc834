// What a chunk's record says against what should be: pure.
#pragma once

#include <vector>

#include "node/files/chunk_record.h"
#include "node/upkeep/places.h"

namespace vortex::node {

struct ChunkNeed {
  std::size_t wanted = 0;      // copies: the policy's, or as many as there are places
  std::vector<NodeId> good;    // nodes that answer and are known to hold it
  std::vector<NodeId> add;     // nodes that should get a copy now, best first
  std::vector<NodeId> drop;    // nodes whose copy is one too many, when all wanted ones are there
  std::vector<NodeId> forget;  // holders, or nodes with a drop, that are gone for good
  bool endangered = false;     // one more failure and it may be gone
  bool lost = false;           // nobody is known to hold it
  bool under() const { return good.size() < wanted; }
  bool misplaced = false;  // copies enough, but not where they belong
  bool idle() const { return add.empty() && drop.empty() && forget.empty(); }
};

// Of a chunk that somebody refers to.
ChunkNeed judge(const ChunkId& chunk, const ChunkRecord& record, Places& places);

}  // namespace vortex::node
