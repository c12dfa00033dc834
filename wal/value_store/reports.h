// What opening and upkeep of a value store have to tell.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "wal/value_store/location.h"
#include "wal/value_store/options.h"

namespace vortex::wal::values {

// Damages that opening names one by one; the rest is counted. The inventory of whoever uses the store finds all.
inline constexpr std::size_t kDamagesNamedMax = 64 * kKiB;

// What opening met.
struct OpenReport {
  bool created = false;
  bool index_damaged = false;      // the newest index checkpoint could not be used
  std::uint32_t index_number = 0;  // the one that was; 0: none
  std::uint64_t records_read = 0;  // of segments' tails
  std::uint64_t bytes_read = 0;
  std::uint64_t records_held = 0;                      // values of the tails, at once, at the most
  std::uint64_t repaired = 0;                          // headers with one wrong bit, understood all the same
  std::vector<Damage> damaged;                         // known to have been synced, and not readable any more
  std::uint64_t more_damaged = 0;                      // beyond kDamagesNamedMax
  std::vector<std::pair<Id, Location>> to_quarantine;  // of the repaired
  std::vector<Damage> torn;  // written when the last start ended, and never known to be synced
};

struct ReclaimReport {
  std::uint64_t segments = 0;      // removed
  std::uint64_t bytes_freed = 0;   // their sizes
  std::uint64_t bytes_copied = 0;  // what had to move before
};

}  // namespace vortex::wal::values
