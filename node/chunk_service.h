// A node's chunks, for those who are elsewhere.
#pragma once

#include "net/dispatcher.h"
#include "node/chunk_store.h"

namespace vortex::node {

// PutChunk, TouchChunk, SyncChunks and GetChunk over this store, which outlives every handler.
void serve_chunks(net::Dispatcher& dispatcher, ChunkStore& store);

}  // namespace vortex::node
