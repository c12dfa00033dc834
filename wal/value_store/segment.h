// One segment file, as the store knows it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "base/disk.h"
#include "wal/value_store/format.h"

namespace vortex::wal::values {

// Bytes of a segment that hold no record and never did: a write that a crash or an error cut short.
struct Gap {
  std::uint64_t offset = 0, length = 0;
  VORTEX_FIELDS(offset, length)
};

// Readers hold it by reference; its file can still be read by them after it was removed.
struct Segment {
  std::uint32_t number = 0;
  std::uint32_t ordinal = 0;  // its place in the table
  std::uint64_t epoch = 0;
  std::uint64_t seal = 0;
  std::string path;
  std::shared_ptr<File> file;  // null while closed

  std::uint64_t end = 0;      // behind the last whole record
  std::uint64_t durable = 0;  // synced so far
  bool dirty = false;         // changed since the last sync began; stays open
  bool sealed = false;        // nothing more is written to it
  bool retiring = false;      // its live records are moving out
  bool pinned = false;        // holds damaged bytes that are not set aside: stays until they are
  bool kept_back = false;     // in this start they could not be
  bool unopened = false;      // reclaiming could not open it in this start
  std::uint64_t used_at = 0;  // for closing the files longest unused

  // What lives here. A value counts where its record is; a touch where its record is.
  std::uint64_t live_bytes = 0;
  std::uint32_t values = 0, touches = 0;
  // Tombstones that must outlive the (one or two) segments in which the erased record may still lie.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> debts;
  std::uint64_t debt_records = 0;  // their number
  // Segments, by number, from which records moved here and which still exist.
  std::set<std::uint32_t> copied_from;
  std::vector<Gap> torn;

  bool empty() const { return values == 0 && touches == 0 && debt_records == 0; }
  std::uint64_t live_total() const { return live_bytes + debt_records * kRecordHeaderBytes; }
  // Of the records; a segment that was just filled by reclaiming has none, however short it is.
  double dead_share() const {
    if (end <= kSegmentHeaderBytes) return 0;
    const std::uint64_t records = end - kSegmentHeaderBytes, live = live_total();
    return live >= records ? 0 : 1 - static_cast<double>(live) / static_cast<double>(records);
  }
};

}  // namespace vortex::wal::values
