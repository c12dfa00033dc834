// One look over all records of a partition that this node leads: what there is to count, and what there is to do.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "node/files/keys.h"
#include "node/files/upload.h"
#include "node/upkeep/ages.h"
#include "node/upkeep/judge.h"
#include "node/upkeep/led_records.h"

namespace vortex::node {

// When records that somebody else may still see to become the janitor's.
struct SurveyTerms {
  Instant now{};
  const Ages* ages = nullptr;                       // of this partition
  Duration upload_silence = std::chrono::hours(1);  // an open upload not renewed for so long is given up
  Duration follow_up = seconds(30);                 // what a commit leaves is left to its own node for so long
  Duration reclaim_grace = std::chrono::hours(1);   // a chunk that nobody refers to stays for so long
  Duration operations_kept = std::chrono::minutes(15);
  // A committed upload whose manifest has changed since is kept for so long: until everybody has met what refers to it.
  Duration unconfirmed_kept = std::chrono::hours(24);

  SurveyTerms() {}
};

// Of every kind in one look at a partition.
inline constexpr std::size_t kFindingsMax = 4096;
inline constexpr std::size_t kFindingKinds = 10;
// Where the next look begins to note findings of each kind, when there were more: so each has its turn, whatever
// becomes of the others.
struct SurveyPlace {
  std::array<std::optional<dht::Key>, kFindingKinds> from;
};

struct PendingReference {
  ChunkId chunk;
  UploadName upload;
};
struct SilentUpload {
  UploadName name;
  dht::Version version = 0;  // an open one that still has it is given up
  bool settled = false;      // nothing refers to it any more that was not confirmed
};
struct DoomedChunk {
  ChunkId chunk;
  FileTime condemned = 0;  // its end has come if it is still condemned since then; 0: only its drops are due
};
struct VersionedKey {
  dht::Key key;
  dht::Version version = 0;
};

// For the janitor.
struct Leftovers {
  std::vector<SilentUpload> uploads;  // committed, aborted, or silent
  std::vector<dht::Key> releases;
  std::vector<PendingReference> references;
  std::vector<ChunkId> unreferenced;     // and not condemned
  std::vector<ChunkId> overrated;        // with more replicas than anybody wants any more
  std::vector<DoomedChunk> doomed;       // condemned for long enough, or with drops to finish
  std::vector<VersionedKey> operations;  // old
};

struct ChunkCensus {
  std::uint64_t chunks = 0, condemned = 0, lost = 0, endangered = 0, under = 0, misplaced = 0;
  std::uint64_t bytes = 0;          // stored sizes, each chunk once
  std::uint64_t bytes_missing = 0;  // to be copied now
  void add(const ChunkCensus& other);
};

// What the replication and rebalance managers have to do, most urgent first.
enum class Urgency : std::uint8_t { endangered, missing, misplaced };
struct RepairNeed {
  Urgency urgency = Urgency::misplaced;
  ChunkId chunk;
  std::uint64_t size = 0;  // bytes to be copied
  auto operator<=>(const RepairNeed&) const = default;
};

struct Findings {
  Leftovers leftovers;
  ChunkCensus census;
  std::vector<RepairNeed> needs;
  bool more = false;  // than could be noted
};

// Is this header record, in this place, a chunk's? A directory's and an inode's begin with their own ids.
std::optional<ChunkRecord> chunk_record_in(const Id& place, ByteView value);

// Goes on noting at `place`, which is moved on. `not_leader` when the partition is not led here to the end.
Task<Result<Findings>> survey(Env& env, const LedRecords& records, dht::PartitionNumber partition, Places& places,
                              SurveyTerms terms, SurveyPlace& place);

}  // namespace vortex::node
