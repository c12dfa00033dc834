// One look over all records of a partition that this node leads: what there is to count, and what there is to do.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "node/files/keys.h"
#include "node/files/upload.h"
#include "node/upkeep/judge.h"
#include "node/upkeep/led_records.h"

namespace vortex::node {

// Stamps that lie in the future by this node's wall clock: then a clock jumped or differs, and what counts is how long
// this node has seen them.
class FutureStamps {
 public:
  // Seen for so long, as of all calls with this key in looks that followed each other?
  bool seen_for(std::uint64_t key, Instant now, Duration age);
  // A look over everything has ended.
  void end_look();

 private:
  static constexpr std::size_t kStampsMax = 64 * 1024;
  struct Seen {
    Instant since;
    std::uint64_t look = 0;
  };
  std::map<std::uint64_t, Seen> seen_;
  std::uint64_t look_ = 0;
};

// When records that somebody else may still see to become the janitor's.
struct SurveyTerms {
  FileTime now = 0;  // wall time
  Instant steady{};
  FutureStamps* stamps = nullptr;
  Duration upload_silence = std::chrono::hours(1);  // an open upload not renewed for so long is given up
  Duration follow_up = seconds(30);                 // what a commit leaves is left to its own node for so long
  Duration reclaim_grace = std::chrono::hours(1);   // a chunk that nobody refers to stays for so long
  Duration operations_kept = std::chrono::minutes(15);

  SurveyTerms() {}
};

// Of every kind in one look; what is beyond is found by the next one.
inline constexpr std::size_t kFindingsMax = 64 * 1024;

struct PendingReference {
  ChunkId chunk;
  UploadName upload;
};
struct SilentUpload {
  UploadName name;
  FileTime silent_since = 0;  // an open one that was not renewed from then on is given up
};
struct DoomedChunk {
  ChunkId chunk;
  FileTime condemned_before = 0;
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
  std::uint32_t size = 0;
  auto operator<=>(const RepairNeed&) const = default;
};

struct Findings {
  Leftovers leftovers;
  ChunkCensus census;
  std::vector<RepairNeed> needs;
};

// Is this header record, in this place, a chunk's? A directory's and an inode's begin with their own ids.
std::optional<ChunkRecord> chunk_record_in(const Id& place, ByteView value);

// `not_leader` when the partition is not led here to the end.
Task<Result<Findings>> survey(Env& env, const LedRecords& records, dht::PartitionNumber partition, Places& places,
                              SurveyTerms terms);

}  // namespace vortex::node
