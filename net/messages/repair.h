// Between the managers that keep chunks where they belong: copies made and proven, what disks really hold, and what
// people are told about it. Receipts and copy numbers are those of net/messages/chunk.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "net/message_row.h"

namespace vortex::net {

// Makes the node that is asked hold the chunk: it takes what it has, or fetches it from one of these, compares it with
// the id, and makes it durable. `busy` when it has enough to copy already.
struct CopyChunkRequest {
  ChunkId chunk;
  std::uint32_t size = 0;  // as its record says
  std::vector<NodeId> sources;
  VORTEX_FIELDS(chunk, size, sources)
};
struct CopyChunkResponse {
  ByteVector receipt;         // durable
  std::uint64_t moved = 0;    // bytes that came over the network
  std::vector<NodeId> lacks;  // sources that had no sound copy
  VORTEX_FIELDS(receipt, moved, lacks)
};

struct CopyName {
  ChunkId chunk;
  std::uint64_t epoch = 0, sequence = 0;
  VORTEX_FIELDS(chunk, epoch, sequence)
};
// Reads these copies, or newer ones, from beginning to end now, and says which are sound.
struct ProveChunksRequest {
  std::vector<CopyName> copies;
  VORTEX_FIELDS(copies)
};
struct ProveChunksResponse {
  ByteVector sound;  // in that order: 1, or 0
  VORTEX_FIELDS(sound)
};

// What the node that asks has on its disk, of these partitions: all chunks from `from` to `to`, both included.
struct TellInventoryRequest {
  std::vector<std::uint32_t> partitions;
  Id from, to;
  std::vector<ChunkId> held;
  VORTEX_FIELDS(partitions, from, to, held)
};
struct TellInventoryResponse {
  std::vector<std::uint32_t> compared;  // partitions that are led by the node that answers
  std::vector<CopyName> missing;        // the records say that it holds them, and it did not name them
  std::vector<ChunkId> unexpected;      // it named them, and no record says so
  VORTEX_FIELDS(compared, missing, unexpected)
};
// After a second look of the node that asks: copies up to these numbers it has not, and strays it has had for long. For
// the leaders of their partitions; what another one leads is left alone.
struct TellCopiesRequest {
  std::vector<CopyName> gone;
  std::vector<CopyName> strays;
  VORTEX_FIELDS(gone, strays)
};
struct TellCopiesResponse {
  std::uint32_t settled = 0;
  VORTEX_FIELDS(settled)
};

struct ChunkCounts {
  std::uint64_t chunks = 0, condemned = 0, lost = 0, endangered = 0, under = 0, misplaced = 0, bytes = 0;
  VORTEX_FIELDS(chunks, condemned, lost, endangered, under, misplaced, bytes)
};
struct WorkReport {
  bool active = false;
  bool paused = false;
  std::uint64_t done = 0, left = 0;  // chunks, since it was last idle
  std::uint64_t bytes_done = 0, bytes_left = 0;
  std::uint64_t rate_bytes = 0;  // a second
  std::string waits;             // why it does nothing though there is something to do
  VORTEX_FIELDS(active, paused, done, left, bytes_done, bytes_left, rate_bytes, waits)
};
struct ScrubWork {
  bool active = false;
  std::uint64_t passes = 0, bytes = 0, values = 0, damaged = 0;  // of the pass under way, or of the last one
  std::int64_t finished_ns = 0;                                  // wall time of the last pass; 0: none
  VORTEX_FIELDS(active, passes, bytes, values, damaged, finished_ns)
};
// What the managers of one node see in the partitions that it leads.
struct UpkeepReport {
  NodeId node;
  std::uint32_t partitions_led = 0;
  std::uint32_t partitions_seen = 0;  // of them, those that were looked at since members last changed
  ChunkCounts counts;
  std::uint64_t under_peak = 0;
  WorkReport repair, rebalance;
  ScrubWork scrub;
  VORTEX_FIELDS(node, partitions_led, partitions_seen, counts, under_peak, repair, rebalance, scrub)
};
struct ReportUpkeepRequest {
  bool everywhere = false;
  VORTEX_FIELDS(everywhere)
};
struct ReportUpkeepResponse {
  std::vector<UpkeepReport> nodes;
  VORTEX_FIELDS(nodes)
};

enum class Steering : std::uint8_t {
  pause_repair,
  resume_repair,
  resume_repair_anyway,  // also while many members look dead
  pause_rebalance,
  resume_rebalance,
  set_rate,     // bytes a second and node; 0: no limit
  start_scrub,  // on every node
  reset_peaks,  // on every node
};
constexpr Steering max_enum_value(Steering) { return Steering::reset_peaks; }
struct SteerManagersRequest {
  Steering what = Steering::resume_repair;
  std::uint64_t rate_bytes = 0;
  bool everywhere = false;  // the node that is asked tells all others
  VORTEX_FIELDS(what, rate_bytes, everywhere)
};
struct SteerManagersResponse {
  std::uint32_t nodes = 0;  // that were reached
  VORTEX_FIELDS(nodes)
};

struct EventReport {
  std::int64_t time_ns = 0;  // wall time
  NodeId node;
  std::string kind;
  std::string text;
  VORTEX_FIELDS(time_ns, node, kind, text)
};
struct ListEventsRequest {
  bool everywhere = false;
  std::uint32_t max = 100;  // the latest
  VORTEX_FIELDS(everywhere, max)
};
struct ListEventsResponse {
  std::vector<EventReport> events;
  VORTEX_FIELDS(events)
};

// clang-format off
#define VORTEX_REPAIR_MESSAGES(X) \
  X(192, CopyChunk,     CopyChunkRequest,     CopyChunkResponse,     8 * kKiB,      0, 0, frame, true, member, normal) \
  X(193, ProveChunks,   ProveChunksRequest,   ProveChunksResponse,   64 * kKiB,     0, 0, frame, true, member, normal) \
  X(194, TellInventory, TellInventoryRequest, TellInventoryResponse, kFrameBodyMax, 0, 0, frame, true, member, normal) \
  X(195, TellCopies,    TellCopiesRequest,    TellCopiesResponse,    kFrameBodyMax, 0, 0, frame, true, member, normal) \
  X(196, ReportUpkeep,  ReportUpkeepRequest,  ReportUpkeepResponse,  kFrameBodyMax, 0, 0, frame, true, client, normal) \
  X(197, SteerManagers, SteerManagersRequest, SteerManagersResponse, 1 * kKiB,      0, 0, frame, true, client, normal) \
  X(198, ListEvents,    ListEventsRequest,    ListEventsResponse,    kFrameBodyMax, 0, 0, frame, true, client, normal)
// clang-format on
VORTEX_REPAIR_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
