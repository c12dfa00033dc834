// Limits that several rooms share or that must fit each other. A limit of one room alone stands in that room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace vortex {

inline constexpr std::size_t kKiB = std::size_t(1) << 10;
inline constexpr std::size_t kMiB = std::size_t(1) << 20;
inline constexpr std::size_t kGiB = std::size_t(1) << 30;

// Names and paths.
inline constexpr std::size_t kPathMax = 4096;
inline constexpr std::size_t kNameMax = 255;
static_assert(kNameMax < kPathMax);

// Chunks. The stored form may exceed the plain one by what sealing adds; compression is used only where it shrinks.
inline constexpr std::size_t kChunkSizeMin = 4 * kKiB;
inline constexpr std::size_t kChunkSizeDefault = 4 * kMiB;
inline constexpr std::size_t kChunkSizeMax = 8 * kMiB;
inline constexpr std::size_t kChunkOverheadMax = 64 * kKiB;
inline constexpr std::size_t kChunkStoredMax = kChunkSizeMax + kChunkOverheadMax;
// One XXH3 for every so many bytes of a chunk's copy.
inline constexpr std::size_t kChunkCheckBlock = 64 * kKiB;
static_assert(kChunkSizeMin <= kChunkSizeDefault && kChunkSizeDefault <= kChunkSizeMax);
static_assert(kChunkSizeDefault % kChunkCheckBlock == 0);

// Files up to this size travel inside the metadata commit.
inline constexpr std::size_t kInlineMax = 64 * kKiB;

// Frames. The body goes through the codec, the payload is bulk.
inline constexpr std::size_t kFrameBodyMax = 1 * kMiB;
inline constexpr std::size_t kPayloadMax = kChunkStoredMax;
static_assert(kPayloadMax >= 4 * kMiB + kChunkOverheadMax, "a default chunk and what sealing adds fits a payload");
static_assert(kFrameBodyMax >= 4 * kInlineMax, "an inline file with its record and its path fits a body");
static_assert(kFrameBodyMax >= 16 * kPathMax);

// What a reader of frames may hold at once: one whole frame of the largest kind and the beginning of the next.
inline constexpr std::size_t kReceiveBuffer = 256 * kKiB;

// In flight. A connection's share is below the node's, so that one peer cannot use up everything.
inline constexpr std::size_t kConnectionRequestsMax = 1024;
inline constexpr std::size_t kConnectionBytesMax = 64 * kMiB;
inline constexpr std::size_t kNodeRequestsMax = 16 * 1024;
inline constexpr std::size_t kNodeBytesMax = 512 * kMiB;
inline constexpr std::size_t kNodeConnectionsMax = 4096;
static_assert(kConnectionBytesMax >= 4 * (kFrameBodyMax + kPayloadMax), "several of the largest frames fit a window");
static_assert(kConnectionBytesMax <= kNodeBytesMax / 4);
static_assert(kConnectionRequestsMax <= kNodeRequestsMax / 4);

// Records of the log and values of the metadata.
inline constexpr std::size_t kRecordValueMax = 256 * kKiB;
inline constexpr std::size_t kWalRecordMax = 2 * kMiB;
static_assert(kRecordValueMax >= kInlineMax + 2 * kPathMax, "an inline file with its inode fits a value");
static_assert(kWalRecordMax >= kFrameBodyMax + 64 * kKiB, "whatever one request carries in its body fits a record");

// Logging and metrics.
inline constexpr std::uint32_t kLogBurst = 20;
inline constexpr Duration kLogWindow = seconds(10);
inline constexpr std::size_t kLogSitesMax = 1024;
inline constexpr std::size_t kMetricSeriesMax = 1024;

}  // namespace vortex
