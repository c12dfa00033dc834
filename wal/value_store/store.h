// The value store: immutable values under 256-bit ids, in append-only segment files of one directory. A node keeps its
// chunks in one and the private values of its metadata replicas in another.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "wal/value_store/copy_number.h"
#include "wal/value_store/options.h"
#include "wal/value_store/reports.h"
#include "wal/value_store/scrubber.h"

namespace vortex::wal::values {

struct StoreCore;
class Reclaimer;

struct PutResult {
  CopyNumber number;
  bool existed = false;      // the bytes were there, were found sound, and stay; the copy has a new number
  std::uint32_t length = 0;  // of the stored bytes: those that were there may have another form
  std::uint16_t form = 0;
};

struct Value {
  Buffer bytes;
  std::uint32_t length = 0;  // of the whole value
  std::uint16_t form = 0;
  CopyNumber number;
};

struct ValueInfo {
  std::uint32_t length = 0;
  std::uint16_t form = 0;
  CopyNumber number;
};

enum class Erased : std::uint8_t {
  done,    // it is gone for good
  absent,  // it was not there
  newer,   // it stays: its number is above the one named
};

struct ValueStoreStats {
  std::uint64_t values = 0, touched = 0;
  std::uint64_t live_bytes = 0, stored_bytes = 0;  // of records that live; of all segments
  std::uint64_t segments = 0, index_bytes = 0;
  std::uint64_t disk_total = 0, disk_available = 0;
  std::uint64_t damaged = 0, quarantined = 0, quarantine_bytes = 0;
  std::uint64_t reclaimed_segments = 0, reclaimed_bytes = 0, checkpoints = 0, syncs = 0;
  std::uint64_t tail_records = 0, tail_bytes = 0;  // what a restart would read
};

// All of it on the loop thread. Ids should look random (hashes); a value never changes under its id.
//
// Errors: `no_space` refuses a put and nothing else; `damaged` says that this node's copy is bad and has been set
// aside; after a failed sync the process stops, and every call fails; `closed` after stop().
class ValueStore {
 public:
  // `in_use` when another process has the directory, `unsupported_version` for one of the future, `damaged` for one
  // that is not a value store's. A new directory becomes an empty store.
  static Task<Result<std::unique_ptr<ValueStore>>> open(Env& env, std::string directory,
                                                        ValueStoreOptions options = ValueStoreOptions());
  ~ValueStore();
  ValueStore(const ValueStore&) = delete;
  ValueStore& operator=(const ValueStore&) = delete;

  // Ends what is in flight, makes it durable, and leaves an index checkpoint. To be called before the store goes.
  Task<Status> stop();

  // Staged: readable at once, durable after the next sync. `form` is kept beside the bytes, for the caller.
  Task<Result<PutResult>> put(Id id, Buffer bytes, std::uint16_t form = 0);
  // A new copy number for bytes that are there, without sending them; `not_found` when they are not.
  Task<Result<PutResult>> touch(Id id);
  // Makes these copies durable (and everything else staged). `stale` when they were put before the last start, so
  // that nothing volatile is taken for durable.
  Task<Status> sync(std::uint64_t epoch, std::vector<std::uint64_t> sequences);
  Task<Status> sync();

  // A range that ends behind the value's end is cut there; one that begins behind it is an `invalid_argument`.
  Task<Result<Value>> get(Id id, std::uint64_t offset = 0, std::uint64_t length = kValueBytesMax);
  Task<Result<ValueInfo>> stat(Id id);
  bool has(const Id& id) const;
  // What is there was compared with its id (options.check) not long ago.
  bool known_right(const Id& id) const;
  // At most `max` ids above `after`, in order.
  std::vector<Id> list(const std::optional<Id>& after, std::size_t max) const;

  // Erases copies up to the number named, durably: when it returns, none of them will ever be seen again.
  Task<Result<Erased>> erase(Id id, CopyNumber up_to);

  Task<Result<ScrubReport>> scrub(ScrubOptions options);
  // Reclaims until nothing is worth it. Goes on by itself with options.background.
  Task<Result<ReclaimReport>> reclaim();
  void set_reclaim_rate(double bytes_per_second);
  // Also by itself.
  Task<Status> checkpoint();
  // What was written so far goes into segments that are closed for writing, and can be reclaimed.
  void seal_segments();

  std::uint64_t epoch() const;
  const OpenReport& open_report() const { return *report_; }
  ValueStoreStats stats() const;

 private:
  class Operation;
  ValueStore(Env& env, std::string directory, ValueStoreOptions options);
  Task<Status> start();
  Task<Result<PutResult>> put_locked(Id id, Buffer bytes, std::uint16_t form);
  Task<Result<std::optional<PutResult>>> touch_locked(Id id);
  Task<Result<Erased>> erase_locked(Id id, CopyNumber up_to);
  template <class T>
  Task<Result<T>> in_group(Task<Result<T>> work);
  Task<Result<ReclaimReport>> reclaim_all();
  Task<void> maintain();
  bool checkpoint_due() const;
  void operation_ended();

  std::unique_ptr<StoreCore> core_;
  std::unique_ptr<Reclaimer> reclaimer_;
  std::unique_ptr<OpenReport> report_;
  std::uint64_t operations_ = 0;
  std::uint64_t quick_bytes_ = 0;
  bool stopped_ = false;
  bool reclaiming_ = false;
  Parking drained_;
  Event maintenance_;
  TaskGroup group_;
};

}  // namespace vortex::wal::values
