// What recovery found, for the owners and for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wal/lsn.h"

namespace vortex::wal {

// A place in the log that is not as it was written, though it was known to be durable.
struct Damage {
  SegmentId segment = 0;
  std::string file;  // empty when there is none
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string what;
};

// An owner of whose records some are gone.
struct HurtOwner {
  OwnerId owner = 0;
  // False: its records may be whole; nothing later in the log says that they are.
  bool certain = false;
  // Its missing records lie after one place and before another.
  Lsn after, before;
  std::uint64_t missing = 0;  // how many, 0 when that is unknown
};

struct TornTail {
  SegmentId segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  // that the group would have had
};

struct SegmentSummary {
  SegmentId segment = 0;
  std::string file;
  std::uint64_t bytes = 0;
  std::uint64_t used = 0;
  std::uint64_t groups = 0;
  std::uint64_t records = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
};

struct RecoveryReport {
  std::uint64_t log_id = 0;
  std::vector<SegmentSummary> segments;  // those in use
  std::vector<std::string> spares;
  std::size_t owners = 0;
  std::vector<Damage> damages;
  std::vector<HurtOwner> hurt;  // by owner
  // False: there may be owners of whose every record nothing is left, so that nobody can name them.
  bool names_complete = true;
  // The last write was under way when the power failed; nobody had been told that it was done.
  std::optional<TornTail> torn_tail;
  Lsn end;
  std::uint64_t last_sequence = 0;

  bool sound() const { return damages.empty(); }
};

}  // namespace vortex::wal
