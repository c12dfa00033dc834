// Chunks between whoever moves bytes and the nodes that hold them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/codec.h"
#include "base/id.h"

namespace vortex::net {

// The name of one copy: which start of the holder wrote it, and in which order.
struct CopyName {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  VORTEX_FIELDS(epoch, sequence)
};

// The payload is the chunk's stored form. Staged when answered: durable only after a SyncChunks that names it.
struct PutChunkRequest {
  ChunkId id;
  std::uint16_t form = 0;
  VORTEX_FIELDS(id, form)
};
struct PutChunkResponse {
  CopyName copy;
  bool existed = false;  // the bytes were there; the copy has a new name all the same
  VORTEX_FIELDS(copy, existed)
};

// A new copy name for bytes that are there, without sending them; `not_found` when they are not.
struct TouchChunkRequest {
  ChunkId id;
  VORTEX_FIELDS(id)
};
struct TouchChunkResponse {
  CopyName copy;
  VORTEX_FIELDS(copy)
};

// Makes copies durable. `stale` when the holder has restarted since: then nothing is known of them.
struct SyncChunksRequest {
  std::uint64_t epoch = 0;
  std::vector<std::uint64_t> sequences;
  VORTEX_FIELDS(epoch, sequences)
};
struct SyncChunksResponse {
  VORTEX_FIELDS()
};

// The payload of the answer is the range; one that goes beyond the end is cut there.
struct GetChunkRequest {
  ChunkId id;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  VORTEX_FIELDS(id, offset, length)
};
struct GetChunkResponse {
  std::uint32_t length = 0;  // of the whole stored form
  std::uint16_t form = 0;
  VORTEX_FIELDS(length, form)
};

}  // namespace vortex::net
