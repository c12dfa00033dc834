// Chunks between whoever moves bytes and the nodes that hold them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "net/message_row.h"

namespace vortex::net {

// The payload is the chunk's stored form. The answer is a sealed receipt (node/files/receipt.h) for a copy that is
// staged: durable only after a SyncChunks with it.
struct PutChunkRequest {
  ChunkId id;
  std::uint16_t form = 0;
  VORTEX_FIELDS(id, form)
};
struct PutChunkResponse {
  ByteVector receipt;
  bool existed = false;  // the bytes were there; the copy has a new name all the same
  VORTEX_FIELDS(receipt, existed)
};

// A receipt with a new copy name for bytes that are there, without sending them; `not_found` when they are not.
struct TouchChunkRequest {
  ChunkId id;
  VORTEX_FIELDS(id)
};
struct TouchChunkResponse {
  ByteVector receipt;
  VORTEX_FIELDS(receipt)
};

// Makes copies durable: the same receipts come back, saying so. `stale` when the holder has restarted since it gave one
// of them: then nothing is known of that copy.
struct SyncChunksRequest {
  std::vector<ByteVector> receipts;
  VORTEX_FIELDS(receipts)
};
struct SyncChunksResponse {
  std::vector<ByteVector> receipts;
  VORTEX_FIELDS(receipts)
};

// Erases copies up to this one, durably. Later ones stay, which is no error.
struct EraseChunkRequest {
  ChunkId id;
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  VORTEX_FIELDS(id, epoch, sequence)
};
struct EraseChunkResponse {
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

// clang-format off
#define VORTEX_CHUNK_MESSAGES(X) \
  X(32, PutChunk,   PutChunkRequest,   PutChunkResponse,   1 * kKiB,  kPayloadMax, 0,           frame, true, client, bulk) \
  X(33, TouchChunk, TouchChunkRequest, TouchChunkResponse, 1 * kKiB,  0,           0,           frame, true, client, normal) \
  X(34, SyncChunks, SyncChunksRequest, SyncChunksResponse, 64 * kKiB, 0,           0,           frame, true, client, normal) \
  X(35, GetChunk,   GetChunkRequest,   GetChunkResponse,   1 * kKiB,  0,           kPayloadMax, frame, true, client, bulk) \
  X(36, EraseChunk, EraseChunkRequest, EraseChunkResponse, 1 * kKiB,  0,           0,           frame, true, member, normal)
// clang-format on
VORTEX_CHUNK_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
