// A node's chunks: a value store of its own, whose ids name chunks.
#pragma once

#include "wal/value_store/store.h"

namespace vortex::node {

using ChunkStore = wal::values::ValueStore;
using ChunkStoreOptions = wal::values::ValueStoreOptions;
using Chunk = wal::values::Value;
using wal::values::CopyNumber;
using wal::values::kValueBytesMax;
using wal::values::PutResult;

// Is this a stored form of the chunk that the id names? SHA-256 is computed; any thread.
bool is_chunk(const ChunkId& id, std::uint16_t form, ByteView stored);

}  // namespace vortex::node
