// Reads everything again and compares it with its checksums.
#pragma once

#include <cstdint>
#include <functional>

#include "wal/value_store/core.h"

namespace vortex::wal::values {

// How far a scrub has come; a later one can go on from here.
struct ScrubPosition {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  VORTEX_FIELDS(segment, offset)
};

struct ScrubOptions {
  ScrubPosition from;
  double bytes_per_second = 0;  // 0: as fast as it goes
  // Called from time to time on the loop thread.
  std::function<void(ScrubPosition)> on_position;
  // A closer look at every sound value, on the pool: is this what the id names? False: into quarantine.
  std::function<bool(const Id&, std::uint16_t form, ByteView value)> check;

  ScrubOptions() {}
};

struct ScrubReport {
  std::uint64_t segments = 0, bytes = 0, values = 0, damaged = 0;
};

// Ends when all segments were read, or with `cancelled`.
Task<Result<ScrubReport>> scrub(StoreCore& core, ScrubOptions options);

}  // namespace vortex::wal::values
