// What a value store can be told, and what it tells about damage.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/id.h"
#include "base/limits.h"
#include "wal/value_store/copy_number.h"

namespace vortex::wal::values {

// A record, or a region without a readable one, that is not what was written. Nothing of it is ever served.
struct Damage {
  std::optional<Id> id;  // the value whose copy is lost here; nothing when no value is known to lie there
  std::uint32_t segment = 0;
  std::uint64_t offset = 0, length = 0;
  std::string what;
  bool kept = false;  // a copy of the bytes is in the quarantine folder
  // Nobody knows that it was ever synced: a write that a crash cut short looks the same.
  bool torn = false;
};

struct ValueStoreOptions {
  // What the store is called in logs and metrics: a process may have several.
  std::string name = "values";
  // This start's number, above those of all starts before. 0: the store counts by itself.
  std::uint64_t epoch = 0;
  std::uint64_t segment_bytes = 256 * kMiB;
  // Segments open for writing at once.
  unsigned lanes = 4;
  // Puts are refused when less than this would be left on the disk, so that deleting, reclaiming and opening go on.
  std::uint64_t reserve_bytes = 256 * kMiB;
  // Puts are refused when the segments would take more than this; 0: as much as the disk has.
  std::uint64_t capacity_bytes = 0;
  // Segments with at least this share of dead bytes are reclaimed; half of it when space is short.
  double reclaim_dead_share = 0.4;
  // Bytes read and written a second by reclaiming; 0: as fast as the foreground leaves room for.
  double reclaim_bytes_per_second = 64 * kMiB;
  // Reclaiming and index checkpoints go on by themselves.
  bool background = true;
  // The index is checkpointed after so many records or bytes at least; larger stores wait for a share of their size.
  std::uint64_t checkpoint_records_min = 16 * 1024;
  std::uint64_t checkpoint_bytes_min = 256 * kMiB;
  // What the quarantine folder may take; beyond it, damaged bytes stay where they are.
  std::uint64_t quarantine_bytes_max = kGiB;
  std::size_t open_files_max = 256;
  // Records of which opening knows more than the index does, at most: where more lie behind the last index checkpoint
  // (or there is none) the segments are read several times. About 256 bytes each.
  std::size_t open_records_max = kMiB;
  // Is this what the id names? Asked, on the pool, of bytes that are there already when they are put again or touched,
  // unless they were found right not long ago. Others go into quarantine, as if they had not been there. Bytes of which
  // nobody has a second opinion pass unseen: they are their sender's. Empty: whatever is there is right.
  std::function<bool(const Id&, std::uint16_t form, ByteView value)> check;
  // Called on the loop thread for everything found damaged, once for each finding.
  std::function<void(const Damage&)> on_damage;

  ValueStoreOptions() {}
};

}  // namespace vortex::wal::values
