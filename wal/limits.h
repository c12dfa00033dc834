// Limits of the log. README.md says why they fit each other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"

namespace vortex::wal {

// What the disk writes as one: groups begin and end on such a boundary.
inline constexpr std::size_t kBlock = 4096;

inline constexpr std::size_t kSegmentBytesDefault = 16 * kMiB;
inline constexpr std::size_t kSegmentBytesMin = 64 * kKiB;
inline constexpr std::size_t kSegmentBytesMax = 1 * kGiB;

// What one write and one sync carry at most; two such buffers are held. A batch is never split.
inline constexpr std::size_t kGroupBytesDefault = 4 * kMiB;
inline constexpr std::size_t kGroupBytesMin = 16 * kKiB;
inline constexpr std::size_t kGroupBytesMax = 64 * kMiB;

// The table of all owners stands in the first group of every segment.
inline constexpr std::size_t kOwnersMax = 32 * 1024;
// Where no further segment is to be had, this share of the current one is kept for truncations, half of it also for
// what they need, and at least so many blocks.
inline constexpr std::size_t kReserveShare = 8;
inline constexpr std::size_t kReserveBlocksMin = 4;

// Numbers of segments end here, after 64 PiB of the smallest segments.
inline constexpr std::uint32_t kSegmentNumberMax = 0xFFFF'FFF0;
// More of them between the oldest and the newest is nothing that a log ever had.
inline constexpr std::uint32_t kSegmentSpanMax = 1024 * 1024;
inline constexpr std::size_t kLiveSegmentsMaxMax = kSegmentSpanMax / 2;
inline constexpr std::size_t kLiveSegmentsMaxDefault = 256;
inline constexpr std::size_t kSparesMinDefault = 1;
inline constexpr std::size_t kSparesMaxDefault = 4;
// Callers that wait for room in the next group.
inline constexpr std::size_t kRoomQueueMax = 64 * 1024;
// Zeros written at a time while a segment is prepared; reads while the log is recovered.
inline constexpr std::size_t kPrepareStep = 1 * kMiB;
inline constexpr std::size_t kReadWindow = 1 * kMiB;

static_assert(kSegmentBytesDefault >= 4 * kGroupBytesDefault, "a group too many at a segment's end wastes little");
static_assert(kGroupBytesDefault >= 2 * kWalRecordMax - kBlock, "any record fits a group beside the owner table");
static_assert(kReserveBlocksMin * kBlock <= kSegmentBytesMin / 4,
              "a full group and the one behind it leave the reserve");
static_assert(kPrepareStep % kBlock == 0 && kReadWindow % kBlock == 0);

}  // namespace vortex::wal
