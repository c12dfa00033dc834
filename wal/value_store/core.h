// The inside of an open value store: what its parts (reclaiming, scrubbing, quarantine, checkpoints) share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "base/window.h"
#include "wal/value_store/appender.h"
#include "wal/value_store/key_locks.h"
#include "wal/value_store/known_right.h"

namespace vortex::wal::values {

struct StoreCore {
  StoreCore(Env& e, std::string directory_path, ValueStoreOptions o);

  // Nothing of this store can be believed any more, nor of this process.
  void fail(const Error& error);
  Status usable() const;
  CopyNumber next_number();
  CopyNumber last_number() const { return CopyNumber(books.epoch, last_sequence); }
  // Counts it, logs it, and calls who wants to know.
  void report(const Damage& damage);

  Labels labels() const { return Labels(1, std::pair<std::string, std::string>("store", options.name)); }

  // Publishes a new index checkpoint; whoever asks while one is being written gets the next one.
  Task<Status> checkpoint();
  // Removes the checkpoints before this one. One that stays is not used while there is a newer, and is tried again
  // later.
  Task<void> drop_indexes_before(std::uint32_t number);

  Env& env;
  const ValueStoreOptions options;
  const std::string directory;
  Catalog catalog;
  SegmentFiles files;
  Syncer syncer;
  Space space;
  KeyLocks locks;
  Books books;
  Window writing;  // bytes of puts in flight
  KnownRight right;
  std::unique_ptr<Appender> appender;
  std::unique_ptr<FileLock> lock;
  std::uint64_t last_sequence = 0;
  std::uint32_t index_number = 0;      // the highest of a checkpoint so far; 0: none
  std::vector<std::uint32_t> indexes;  // numbers of the files that are there
  std::uint64_t quarantine_bytes = 0;  // what the quarantine folder holds
  // Damaged copies that were reported, and of which no record could be written yet.
  struct Unrecorded {
    Location location;
    bool kept = false;
  };
  std::unordered_map<Id, Unrecorded> unrecorded;
  std::uint64_t foreground = 0;  // operations of clients under way
  std::uint64_t damages = 0, quarantined = 0, reclaimed_segments = 0, reclaimed_bytes = 0, checkpoints = 0;
  Status broken;
  bool stopping = false;
  Event checkpoint_done;
  bool checkpointing = false;
};

// --- reading records ---

struct StoredValue {
  RecordHeader header;
  Buffer bytes;
};
// A short value from the page cache, without waiting. Nothing where the disk would be needed or anything is wrong: then
// read_value finds out.
std::optional<StoredValue> read_cached_value(StoreCore& core, Segment& segment, const Id& id, Location location,
                                             std::uint64_t offset, std::uint64_t length);
// Value bytes [offset, offset + length) as far as they exist, verified. `damaged` when they are not what was written.
Task<Result<StoredValue>> read_value(StoreCore& core, std::shared_ptr<Segment> segment, Id id, Location location,
                                     std::uint64_t offset, std::uint64_t length);
Task<Result<RecordHeader>> read_header(StoreCore& core, std::shared_ptr<Segment> segment, Id id, Location location);

// --- quarantine ---

// The value's copy at this place is damaged: its bytes are set aside, a record says so for good, and the index forgets
// it. The caller holds the value's lock and has seen that the index still names this place. On an error there is no
// such record, so a restart would find the copy: the index goes on naming it, and it is as damaged as before.
Task<Status> quarantine(StoreCore& core, Id id, Location location, std::string what);
// Reads it once more, since a read may go wrong without the disk being wrong; true when it was damaged, or lies where
// a disk that works otherwise cannot read, and is in quarantine now. Same conditions.
Task<Result<bool>> quarantine_if_damaged(StoreCore& core, Id id, Location location);
// The same for whoever does not hold the lock; nothing when the value has moved or gone meanwhile.
Task<void> suspect(StoreCore& core, Id id, Location location);
// No record can be read in these bytes of a segment. Values that the index knows to lie there are put in quarantine,
// and the segment stays, unless `save` and all of the bytes could be set aside, which is the answer.
Task<bool> unreadable_region(StoreCore& core, std::shared_ptr<Segment> segment, std::uint64_t offset,
                             std::uint64_t length, bool save);
// The bytes of a record that is damaged and does not live; false when the segment has to stay for them.
Task<bool> save_remains(StoreCore& core, std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t length);

}  // namespace vortex::wal::values
