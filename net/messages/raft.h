// Raft groups between nodes. What the groups say is opaque here; dht/README.md describes it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/codec.h"
#include "net/message_row.h"

namespace vortex::net {

struct ReplicaName {
  std::uint32_t group = 0;
  std::uint64_t generation = 0;
  VORTEX_FIELDS(group, generation)
};

// The payload is messages of many groups, one behind the other, each behind its length (4 bytes).
struct CarryRaftRequest {
  std::uint32_t messages = 0;
  VORTEX_FIELDS(messages)
};
struct CarryRaftResponse {
  // Addressees that are not there: never made, removed, or lost.
  std::vector<ReplicaName> unknown;
  // How many groups the answerer leads.
  std::uint32_t leads = 0;
  VORTEX_FIELDS(unknown, leads)
};

// "Make an empty replica, which the group will take in." `configuration` is decided and stood in the log at `index`.
struct InviteReplicaRequest {
  std::uint32_t group = 0;
  std::uint32_t group_epoch = 0;
  std::uint64_t index = 0;
  ByteVector configuration;
  VORTEX_FIELDS(group, group_epoch, index, configuration)
};
struct InviteReplicaResponse {
  std::uint64_t generation = 0;
  VORTEX_FIELDS(generation)
};

// "This decided configuration no longer has you."
struct DismissReplicaRequest {
  ReplicaName replica;
  std::uint32_t group_epoch = 0;
  std::uint64_t term = 0;  // of the leader who says so
  std::uint64_t index = 0;
  ByteVector configuration;
  VORTEX_FIELDS(replica, group_epoch, term, index, configuration)
};
struct DismissReplicaResponse {
  VORTEX_FIELDS()
};

// A leader has a snapshot for a replica that its log cannot help any more.
struct OfferSnapshotRequest {
  ReplicaName to;
  std::uint32_t group_epoch = 0;
  std::uint64_t from_generation = 0;
  std::uint64_t term = 0;        // of the leader
  std::uint64_t index = 0;       // the last entry in it
  std::uint64_t index_term = 0;  // of that entry
  ByteVector configuration;      // as of that entry
  std::uint64_t snapshot = 0;    // its name at the leader
  std::uint32_t format = 0;      // of the pieces
  VORTEX_FIELDS(to, group_epoch, from_generation, term, index, index_term, configuration, snapshot, format)
};
struct OfferSnapshotResponse {
  bool wanted = false;
  VORTEX_FIELDS(wanted)
};

// The payload of the answer is the piece. A piece may be asked for again until the next one is asked for; `not_found`
// when the snapshot is gone.
struct FetchSnapshotPieceRequest {
  std::uint64_t snapshot = 0;
  std::uint64_t piece = 0;  // from 0
  VORTEX_FIELDS(snapshot, piece)
};
struct FetchSnapshotPieceResponse {
  bool end = false;  // there are no more pieces, and this is none
  VORTEX_FIELDS(end)
};

// clang-format off
#define VORTEX_RAFT_MESSAGES(X) \
  X(96,  CarryRaft,          CarryRaftRequest,          CarryRaftResponse,          64 * kKiB, 4 * kMiB, 0,        frame, true, member, normal) \
  X(97,  CarryRaftUrgent,    CarryRaftRequest,          CarryRaftResponse,          64 * kKiB, 1 * kMiB, 0,        frame, true, member, control) \
  X(98,  InviteReplica,      InviteReplicaRequest,      InviteReplicaResponse,      64 * kKiB, 0,        0,        frame, true, member, normal) \
  X(99,  DismissReplica,     DismissReplicaRequest,     DismissReplicaResponse,     64 * kKiB, 0,        0,        frame, true, member, normal) \
  X(100, OfferSnapshot,      OfferSnapshotRequest,      OfferSnapshotResponse,      64 * kKiB, 0,        0,        frame, true, member, normal) \
  X(101, FetchSnapshotPiece, FetchSnapshotPieceRequest, FetchSnapshotPieceResponse, 1 * kKiB,  0,        2 * kMiB, frame, true, member, bulk)
// clang-format on
VORTEX_RAFT_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
