// How a log is set up, and what is put into it.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"
#include "wal/limits.h"
#include "wal/lsn.h"

namespace vortex::wal {

struct Options {
  std::size_t segment_bytes = kSegmentBytesDefault;
  // At most a quarter of a segment.
  std::size_t group_bytes = kGroupBytesDefault;
  // Beyond so many segments in use appends are `busy` until owners truncate.
  std::size_t live_segments_max = kLiveSegmentsMaxDefault;
  // Segments kept ready, and how many are kept before files are removed.
  std::size_t spares_min = kSparesMinDefault;
  std::size_t spares_max = kSparesMaxDefault;
  bool direct = true;

  Options() {}
  // `bad_config`, naming the setting.
  Status check() const;
  // A batch with its headers is never larger.
  std::size_t batch_bytes_max() const { return group_bytes / 4 * 3; }
  // The table of so many owners leaves room for a batch beside it.
  std::size_t owners_max() const;
};

// The payload is `prefix` and `payload`, one behind the other.
struct Record {
  OwnerId owner = 0;
  std::uint16_t kind = 0;
  ByteView prefix;
  ByteView payload;
};

// Where a batch lies: its first and its last record.
struct Appended {
  Lsn first, last;
};

// An owner and what it keeps from being reused.
struct Holder {
  OwnerId owner = 0;
  Lsn oldest;                     // no record that it needs lies before this one
  std::size_t segments_held = 0;  // from that segment up to the current one
};

}  // namespace vortex::wal
