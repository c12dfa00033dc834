#include "wal/options.h"

#include <algorithm>
#include <string>

#include "wal/format.h"

namespace vortex::wal {

std::size_t Options::owners_max() const {
  return std::min(kOwnersMax, (group_bytes / 4 - 2 * kGroupHeaderBytes) / kOwnerEntryBytes);
}

Status Options::check() const {
  auto outside = [](std::size_t value, std::size_t low, std::size_t high) { return value < low || value > high; };
  if (outside(segment_bytes, kSegmentBytesMin, kSegmentBytesMax) || segment_bytes % kBlock != 0)
    return Error(Code::bad_config, "wal: segment_bytes must be a multiple of 4096 from " +
                                       std::to_string(kSegmentBytesMin) + " to " + std::to_string(kSegmentBytesMax));
  if (outside(group_bytes, kGroupBytesMin, kGroupBytesMax) || group_bytes % kBlock != 0)
    return Error(Code::bad_config, "wal: group_bytes must be a multiple of 4096 from " +
                                       std::to_string(kGroupBytesMin) + " to " + std::to_string(kGroupBytesMax));
  if (group_bytes > segment_bytes / 4)
    return Error(Code::bad_config, "wal: group_bytes must be at most a quarter of segment_bytes");
  if (outside(live_segments_max, 2, kLiveSegmentsMaxMax))
    return Error(Code::bad_config, "wal: live_segments_max must be from 2 to " + std::to_string(kLiveSegmentsMaxMax));
  if (spares_min < 1 || spares_max < spares_min)
    return Error(Code::bad_config, "wal: spares_min must be at least 1 and at most spares_max");
  return Status();
}

}  // namespace vortex::wal
