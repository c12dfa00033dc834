// Limits of partitions. Those that others must fit stand in base/limits.h.
#pragma once

#include "base/limits.h"

namespace vortex::dht {

inline constexpr std::size_t kRecordNameMax = 1024;
static_assert(kRecordNameMax >= 4 * kNameMax);
// Of one batch, in bytes as it travels and in conditions and writes.
inline constexpr std::size_t kBatchBytesMax = kFrameBodyMax - 16 * kKiB;
inline constexpr std::size_t kBatchItemsMax = 4096;
static_assert(kBatchBytesMax >= kRecordValueMax + 64 * kKiB);
// A page of a scan: whole records until one of these is reached, but at least one.
inline constexpr std::size_t kPageBytesMax = 512 * kKiB;
inline constexpr std::size_t kPageRecordsMax = 10'000;
static_assert(kPageBytesMax + kRecordValueMax + kRecordNameMax + 64 * kKiB <= kFrameBodyMax);

// A partition remembers so many sessions, those used last, and of each so many operations that were not acknowledged.
inline constexpr std::size_t kSessionsMax = 4096;
inline constexpr std::size_t kSessionWindow = 1024;

// Transactions of a partition that are not finished: those it decides, and those that hold intents in it.
inline constexpr std::size_t kTransactionsMax = 4096;
inline constexpr std::size_t kParticipantsMax = 64;
// An answer names so many of the transactions that are in the way.
inline constexpr std::size_t kBlockersMax = 16;

}  // namespace vortex::dht
