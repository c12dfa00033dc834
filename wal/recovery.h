// Finding out what a directory of segments holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/env.h"
#include "wal/audit.h"
#include "wal/committer.h"
#include "wal/report.h"
#include "wal/segments.h"

namespace vortex::wal {

// The last groups of a segment, where their headers are lost.
struct LostEnd {
  std::uint64_t offset = 0;
  std::uint64_t groups = 0;
};

struct Recovered {
  // No log has been begun here: there are no segments, or only empty ones.
  bool fresh = false;
  struct LiveSlot {
    SegmentId id = 0;
    Slot slot;
  };
  std::vector<LiveSlot> live;  // ascending, without a gap
  struct Spare {
    Slot slot;
    bool wipe = false;  // its first block might be taken for a segment to come
  };
  std::vector<Spare> spares;
  std::vector<std::string> leftovers;  // files that mean nothing: unfinished ones, unreadable spares
  std::uint64_t next_slot = 0;
  LogEnd end;
  bool last_group_had_records = false;
  // The last group that counts; all before it are known to be durable.
  Lsn last_group;
  std::size_t last_group_bytes = 0;
  std::uint64_t last_group_check = 0;
  bool last_group_sound = false;  // otherwise the report tells of it
  std::map<OwnerId, OwnerAudit::State> owners;
  std::map<SegmentId, LostEnd> lost_ends;
  RecoveryReport report;
};

// Reads only. `damaged` when there is something that no log can be made of; damage inside of a log is in the report.
Task<Result<Recovered>> recover(Env& env, std::string directory, bool direct, bool read_only);

}  // namespace vortex::wal
