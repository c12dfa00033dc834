// The one table of messages. A new message is one row here, a struct with VORTEX_FIELDS in net/messages/, and its bytes
// in tests/unit/net/golden_messages.h (the test that misses them prints them).
#pragma once

#include "base/limits.h"
#include "net/method.h"

namespace vortex::net {

// clang-format off
// Rows in the order of their numbers. A number belongs to its message for ever: a row that goes leaves its number in
// VORTEX_RETIRED_MESSAGES.
//   number, name, request, response, body limit, payload limit of the request and of the response,
//   payload sum, idempotent, open to, priority
#define VORTEX_MESSAGES(X) \
  X(2, Echo,     EchoRequest,     EchoResponse,     64 * kKiB, kPayloadMax, kPayloadMax, frame, true, anyone, normal) \
  X(3, EchoBulk, EchoBulkRequest, EchoBulkResponse, 1 * kKiB,  kPayloadMax, kPayloadMax, own,   true, anyone, bulk) \
  X(4, Describe, DescribeRequest, DescribeResponse, 64 * kKiB, 0,            0,            frame, true, anyone, normal) \
  X(32, PutChunk,   PutChunkRequest,   PutChunkResponse,   1 * kKiB,  kPayloadMax, 0,           frame, true, client, bulk) \
  X(33, TouchChunk, TouchChunkRequest, TouchChunkResponse, 1 * kKiB,  0,           0,           frame, true, client, normal) \
  X(34, SyncChunks, SyncChunksRequest, SyncChunksResponse, 64 * kKiB, 0,           0,           frame, true, client, normal) \
  X(35, GetChunk,   GetChunkRequest,   GetChunkResponse,   1 * kKiB,  0,           kPayloadMax, frame, true, client, bulk) \
  X(36, EraseChunk, EraseChunkRequest, EraseChunkResponse, 1 * kKiB,  0,           0,           frame, true, member, normal) \
  X(64, Heartbeat,      HeartbeatRequest,      HeartbeatResponse,      32 * kKiB,     0, 0, frame, true,  member, control) \
  X(65, Probe,          ProbeRequest,          ProbeResponse,          1 * kKiB,      0, 0, frame, true,  member, control) \
  X(66, CompareMembers, CompareMembersRequest, CompareMembersResponse, kFrameBodyMax, 0, 0, frame, true,  member, normal) \
  X(67, Join,           JoinRequest,           JoinResponse,           64 * kKiB,     0, 0, frame, true,  joiner, control) \
  X(68, CatchUp,        CatchUpRequest,        CatchUpResponse,        4 * kKiB,      0, 0, frame, true,  joiner, control) \
  X(69, Decide,         DecideRequest,         DecideResponse,         4 * kKiB,      0, 0, frame, true,  member, normal) \
  X(80, FindNode, FindNodeRequest, FindNodeResponse, 32 * kKiB, 0, 0, frame, true, member, control) \
  X(96,  CarryRaft,          CarryRaftRequest,          CarryRaftResponse,          64 * kKiB, 4 * kMiB, 0,        frame, true, member, normal) \
  X(97,  CarryRaftUrgent,    CarryRaftRequest,          CarryRaftResponse,          64 * kKiB, 1 * kMiB, 0,        frame, true, member, control) \
  X(98,  InviteReplica,      InviteReplicaRequest,      InviteReplicaResponse,      64 * kKiB, 0,        0,        frame, true, member, normal) \
  X(99,  DismissReplica,     DismissReplicaRequest,     DismissReplicaResponse,     64 * kKiB, 0,        0,        frame, true, member, normal) \
  X(100, OfferSnapshot,      OfferSnapshotRequest,      OfferSnapshotResponse,      64 * kKiB, 0,        0,        frame, true, member, normal) \
  X(101, FetchSnapshotPiece, FetchSnapshotPieceRequest, FetchSnapshotPieceResponse, 1 * kKiB,  0,        2 * kMiB, frame, true, member, bulk) \
  X(128, OpenFile,      OpenFileRequest,      OpenFileResponse,      256 * kKiB,    0, 0, frame, true,  client, normal) \
  X(129, ListFiles,     ListFilesRequest,     ListFilesResponse,     kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(130, StoreFile,     StoreFileRequest,     FileResponse,          256 * kKiB,    0, 0, frame, false, client, normal) \
  X(131, StoreFiles,    StoreFilesRequest,    StoreFilesResponse,    kFrameBodyMax, 0, 0, frame, false, client, normal) \
  X(132, MakeDirectory, MakeDirectoryRequest, FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(133, LinkFile,      LinkFileRequest,      FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(134, MakeSymlink,   MakeSymlinkRequest,   FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(135, RenameFile,    RenameFileRequest,    RenameFileResponse,    64 * kKiB,     0, 0, frame, false, client, normal) \
  X(136, RemoveFile,    RemoveFileRequest,    RemoveFileResponse,    64 * kKiB,     0, 0, frame, false, client, normal) \
  X(137, SetAttributes, SetAttributesRequest, FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(138, OpenUpload,    OpenUploadRequest,    OpenUploadResponse,    64 * kKiB,     0, 0, frame, false, client, normal) \
  X(139, RenewUpload,   RenewUploadRequest,   RenewUploadResponse,   1 * kKiB,      0, 0, frame, true,  client, normal) \
  X(140, AddCopies,     AddCopiesRequest,     AddCopiesResponse,     256 * kKiB,    0, 0, frame, true,  client, normal) \
  X(141, AddReferences, AddReferencesRequest, AddReferencesResponse, 64 * kKiB,     0, 0, frame, true,  client, normal) \
  X(142, CommitUpload,  CommitUploadRequest,  FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(143, AbortUpload,   AbortUploadRequest,   AbortUploadResponse,   1 * kKiB,      0, 0, frame, true,  client, normal) \
  X(144, FindChunks,    FindChunksRequest,    FindChunksResponse,    kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(145, CopyFile,      CopyFileRequest,      FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal)

#define VORTEX_RETIRED_MESSAGES(X)
// clang-format on

// The tag of each message, for call<Echo>(…) and on<Echo>(…). Request and response are defined in net/messages/.
#define X(num, Name, RequestType, ResponseType, body, in, out, sum, again, who, prio)                                  \
  struct RequestType;                                                                                                  \
  struct ResponseType;                                                                                                 \
  struct Name {                                                                                                        \
    using Request = RequestType;                                                                                       \
    using Response = ResponseType;                                                                                     \
    static constexpr MethodInfo kInfo{num, #Name, body, in, out, PayloadSum::sum, again, Caller::who, Priority::prio}; \
  };
VORTEX_MESSAGES(X)
#undef X

}  // namespace vortex::net
