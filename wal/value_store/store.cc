#include "wal/value_store/store.h"

#include <algorithm>

#include "base/hash.h"
#include "base/log.h"
#include "base/one_shot.h"
#include "base/yield.h"
#include "wal/value_store/core.h"
#include "wal/value_store/reclaimer.h"
#include "wal/value_store/recovery.h"

namespace vortex::wal::values {

namespace {
// From here on checksums are computed on the pool.
constexpr std::size_t kPoolBytes = 512 * kKiB;
// Puts that wait for their turn; beyond, `busy`.
constexpr std::size_t kWaitingPutsMax = 16 * 1024;
constexpr std::uint32_t kBusyRetryMs = 50;
// How long reclaiming and checkpoints rest after an error.
constexpr Duration kAfterError = seconds(5);
// Checkpoints cost at most this share of what is written: the index takes 40 bytes a value.
constexpr std::uint64_t kCheckpointRecordShare = 4;
constexpr std::uint64_t kCheckpointByteShare = 8;
// Read from the page cache before others get their turn.
constexpr std::uint64_t kQuickBytesMax = 256 * kKiB;

Value value_of(StoredValue&& stored, std::uint64_t touched) {
  Value value;
  value.bytes = std::move(stored.bytes);
  value.length = stored.header.length;
  value.form = stored.header.form;
  value.number = CopyNumber::unpack(std::max(stored.header.number, touched));
  return value;
}

// Room for a write; where there is none, upkeep is to reclaim what it can.
Task<Result<Space::Claim>> admit(StoreCore& core, Event& maintenance, std::uint64_t bytes) {
  auto claim = co_await core.space.claim(bytes, core.catalog);
  if (claim.is(Code::no_space) && core.options.background) maintenance.notify_all();
  co_return claim;
}

// Worth a second look, and perhaps to be set aside.
template <class T>
bool doubtful(const Result<T>& result) {
  return result.is(Code::damaged) || result.is(Code::io_error);
}
}  // namespace

// Counts a client's call; stop() waits for all.
class ValueStore::Operation {
 public:
  explicit Operation(ValueStore& store) : store_(store) {
    ++store_.operations_;
    ++store_.core_->foreground;
  }
  ~Operation() {
    --store_.core_->foreground;
    store_.operation_ended();
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 private:
  ValueStore& store_;
};

void ValueStore::operation_ended() {
  if (--operations_ == 0) drained_.wake();
}

// --- life ---

ValueStore::ValueStore(Env& env, std::string directory, ValueStoreOptions options)
    : core_(std::make_unique<StoreCore>(env, std::move(directory), std::move(options))),
      report_(std::make_unique<OpenReport>()),
      drained_(env.loop()),
      maintenance_(env.loop()),
      group_(env.loop()) {}

ValueStore::~ValueStore() { CHECK_MSG(stopped_, "a value store goes only after stop()"); }

Task<Result<std::unique_ptr<ValueStore>>> ValueStore::open(Env& env, std::string directory, ValueStoreOptions options) {
  if (options.segment_bytes < kSegmentHeaderBytes || options.segment_bytes > kSegmentBytesMax / 2)
    co_return Error(Code::bad_config, "segment_bytes must be below 2 GiB");
  std::unique_ptr<ValueStore> store(new ValueStore(env, std::move(directory), std::move(options)));
  Status started = co_await store->start();
  if (started.ok()) co_return std::move(store);
  store->core_->stopping = true;
  co_await store->group_.stop();
  if (store->core_->appender) co_await store->core_->appender->stop();
  co_await store->core_->syncer.stop();
  store->stopped_ = true;
  co_return std::move(started.error());
}

Task<Status> ValueStore::start() {
  StoreCore& core = *core_;
  Disk& disk = core.env.disk();
  CO_RETURN_IF_ERROR(co_await disk.make_directories(core.directory));
  CO_ASSIGN_OR_RETURN(core.lock, co_await disk.lock(core.books.path("LOCK")));
  CO_ASSIGN_OR_RETURN(*report_, co_await recover(core));
  CO_RETURN_IF_ERROR(co_await core.space.refresh());
  core.appender = std::make_unique<Appender>(core.books);
  reclaimer_ = std::make_unique<Reclaimer>(core);
  core.books.on_tail = [this] {
    if (core_->options.background && checkpoint_due()) maintenance_.notify_all();
  };
  for (const Damage& damage : report_->damaged) core.report(damage);
  // A value that was synced just before the last start ended may be among them, and only its owner can tell.
  for (const Damage& damage : report_->torn)
    if (damage.id && !core.catalog.find(*damage.id)) core.report(damage);
  for (auto& [id, location] : report_->to_quarantine) {
    co_await values::suspect(core, id, location);
  }
  core.env.log().info(core.options.name, "open", Field("directory", core.directory), Field("epoch", core.books.epoch),
                      Field("values", core.catalog.index().size()), Field("segments", core.catalog.segment_count()),
                      Field("tail_records", report_->records_read), Field("damaged", report_->damaged.size()),
                      Field("torn", report_->torn.size()));
  if (core.options.background) group_.spawn(maintain());
  co_return core.usable();
}

Task<Status> ValueStore::stop() {
  if (stopped_) co_return Status();
  StoreCore& core = *core_;
  core.stopping = true;
  co_await group_.stop();
  while (operations_ > 0) co_await drained_.park_uncancellable();
  co_await group_.join();  // what the last operations began
  co_await core.appender->stop();
  Status status = co_await core.syncer.sync();
  if (status.ok() && core.books.tail_records > 0) status = co_await core.checkpoint();
  co_await core.syncer.stop();
  for (auto& segment : core.catalog.segments()) core.files.close(*segment);
  core.lock.reset();
  stopped_ = true;
  co_return status;
}

// --- writing ---

Task<Result<PutResult>> ValueStore::put(Id id, Buffer bytes, std::uint16_t form) {
  CO_RETURN_IF_ERROR(core_->usable());
  if (bytes.size() > kValueBytesMax) co_return Error(Code::too_large, "a value has at most 8 MiB");
  Operation operation(*this);
  std::optional<Permit> permit = core_->writing.try_acquire(bytes.size() + kRecordHeaderBytes);
  if (!permit) {
    if (core_->writing.waiting() >= kWaitingPutsMax) co_return Error(Code::busy).with_retry_after(kBusyRetryMs);
    CO_ASSIGN_OR_RETURN(permit, co_await core_->writing.acquire(bytes.size() + kRecordHeaderBytes));
  }
  if (core_->locks.try_acquire(id)) {
    KeyLock lock = core_->locks.adopt(id);
    co_return co_await put_locked(id, std::move(bytes), form);
  }
  CO_ASSIGN_OR_RETURN(KeyLock lock, co_await core_->locks.acquire(id));
  CO_RETURN_IF_ERROR(core_->usable());
  co_return co_await put_locked(id, std::move(bytes), form);
}

Task<Result<PutResult>> ValueStore::put_locked(Id id, Buffer bytes, std::uint16_t form) {
  StoreCore& core = *core_;
  if (core.catalog.find(id)) {
    CO_ASSIGN_OR_RETURN(std::optional<PutResult> touched, co_await touch_locked(id));
    if (touched) co_return *touched;
  }
  const std::uint64_t size = value_record_bytes(static_cast<std::uint32_t>(bytes.size()));
  Space::Claim claim = core.space.try_claim(size, core.catalog);
  if (!claim) {
    CO_ASSIGN_OR_RETURN(claim, co_await admit(core, maintenance_, size));
  }
  Append record(core.env.loop());
  record.value = bytes.view();
  if (bytes.size() < kPoolBytes) {
    record.sums = value_sums(record.value);
  } else {
    auto work = [value = record.value] { return value_sums(value); };
    record.sums = co_await core.env.pool().run(work);
  }
  PutResult result;
  result.number = core.next_number();
  result.length = static_cast<std::uint32_t>(bytes.size());
  result.form = form;
  record.header.id = id;
  record.header.form = form;
  record.header.length = result.length;
  record.header.number = result.number.packed();
  core.right.forget(id);
  CO_RETURN_IF_ERROR(co_await core.appender->append(record));
  co_return result;
}

// Nothing when no sound copy is there.
Task<Result<std::optional<PutResult>>> ValueStore::touch_locked(Id id) {
  StoreCore& core = *core_;
  std::optional<PutResult> none;
  Location location = core.catalog.find(id);
  if (!location) co_return none;
  auto segment = core.catalog.at(location.ordinal());
  // A new number vouches for the bytes, so they are looked at. They may have come from anybody.
  auto stored = co_await read_value(core, segment, id, location, 0, kValueBytesMax);
  if (doubtful(stored)) {
    CO_ASSIGN_OR_RETURN(bool damaged, co_await quarantine_if_damaged(core, id, location));
    if (damaged) co_return none;
    co_return Error(Code::io_error, "a read failed or gave wrong bytes once");
  }
  if (!stored.ok()) co_return std::move(stored).error();
  if (core.options.check && !core.right.has(id)) {
    auto work = [&core, &id, form = stored->header.form, value = stored->bytes] {
      return core.options.check(id, form, value);
    };
    bool right = co_await core.env.pool().run(work);
    if (!right) {
      CO_RETURN_IF_ERROR(co_await quarantine(core, id, location, "not what its id names"));
      co_return none;
    }
    core.right.add(id);
  }
  CO_ASSIGN_OR_RETURN(Space::Claim claim, co_await admit(core, maintenance_, kRecordHeaderBytes));
  PutResult result;
  result.number = core.next_number();
  result.existed = true;
  result.length = stored->header.length;
  result.form = stored->header.form;
  Append record(core.env.loop());
  record.header.kind = RecordKind::touch;
  record.header.id = id;
  record.header.number = result.number.packed();
  record.header.old_segment = segment->number;
  record.header.old_offset = static_cast<std::uint32_t>(location.offset() / kRecordAlignment);
  CO_RETURN_IF_ERROR(co_await core.appender->append(record));
  co_return std::optional<PutResult>(result);
}

Task<Result<PutResult>> ValueStore::touch(Id id) {
  CO_RETURN_IF_ERROR(core_->usable());
  Operation operation(*this);
  CO_ASSIGN_OR_RETURN(KeyLock lock, co_await core_->locks.acquire(id));
  CO_ASSIGN_OR_RETURN(std::optional<PutResult> touched, co_await touch_locked(id));
  if (!touched) co_return Code::not_found;
  co_return *touched;
}

Task<Status> ValueStore::sync(std::uint64_t epoch, std::vector<std::uint64_t> sequences) {
  if (epoch != core_->books.epoch) co_return Error(Code::stale, "put before the last start: put again");
  for (std::uint64_t sequence : sequences)
    if (sequence == 0 || sequence > core_->last_sequence)
      co_return Error(Code::invalid_argument, "no copy has this number");
  co_return co_await sync();
}

Task<Status> ValueStore::sync() {
  CO_RETURN_IF_ERROR(core_->usable());
  Operation operation(*this);
  co_return co_await core_->syncer.sync();
}

// --- reading ---

Task<Result<Value>> ValueStore::get(Id id, std::uint64_t offset, std::uint64_t length) {
  StoreCore& core = *core_;
  CO_RETURN_IF_ERROR(core.usable());
  Operation operation(*this);
  for (int attempt = 0;; ++attempt) {
    Location location = core.catalog.find(id);
    if (!location) co_return Code::not_found;
    std::uint64_t touched = location.touched() ? core.catalog.touch_number(id) : 0;
    auto quick = read_cached_value(core, *core.catalog.at(location.ordinal()), id, location, offset, length);
    if (quick) {
      // A client that only ever finds what it wants in memory must not keep the loop to itself.
      quick_bytes_ += quick->bytes.size() + kRecordHeaderBytes;
      if (quick_bytes_ >= kQuickBytesMax) {
        quick_bytes_ = 0;
        co_await yield(core.env.loop());
      }
      co_return value_of(std::move(*quick), touched);
    }
    auto stored = co_await read_value(core, core.catalog.at(location.ordinal()), id, location, offset, length);
    if (stored.ok()) co_return value_of(std::move(*stored), touched);
    if (stored.is(Code::invalid_argument) || stored.is(Code::cancelled)) co_return std::move(stored).error();
    // It moved while it was read; or a read went wrong once.
    Location now = core.catalog.find(id);
    const bool moved = !now || !now.same_place(location);
    if (attempt < (moved ? 8 : 1)) continue;
    if (doubtful(stored)) group_.spawn(values::suspect(core, id, location));
    co_return std::move(stored).error();
  }
}

Task<Result<ValueInfo>> ValueStore::stat(Id id) {
  StoreCore& core = *core_;
  CO_RETURN_IF_ERROR(core.usable());
  Operation operation(*this);
  CO_ASSIGN_OR_RETURN(KeyLock lock, co_await core.locks.acquire(id));
  Location location = core.catalog.find(id);
  if (!location) co_return Code::not_found;
  auto header = co_await read_header(core, core.catalog.at(location.ordinal()), id, location);
  if (doubtful(header)) group_.spawn(values::suspect(core, id, location));
  if (!header.ok()) co_return std::move(header).error();
  ValueInfo info;
  info.length = header->length;
  info.form = header->form;
  info.number = CopyNumber::unpack(std::max(header->number, core.catalog.touch_number(id)));
  co_return info;
}

bool ValueStore::has(const Id& id) const { return static_cast<bool>(core_->catalog.find(id)); }

bool ValueStore::known_right(const Id& id) const { return !core_->options.check || core_->right.has(id); }

std::vector<Id> ValueStore::list(const std::optional<Id>& after, std::size_t max) const {
  return core_->catalog.index().list(after, max);
}

// --- erasing ---

Task<Result<Erased>> ValueStore::erase(Id id, CopyNumber up_to) {
  StoreCore& core = *core_;
  CO_RETURN_IF_ERROR(core.usable());
  if (up_to.epoch > CopyNumber::kEpochMax || up_to.sequence > CopyNumber::kSequenceMax)
    co_return Error(Code::invalid_argument, "no such copy number");
  Operation operation(*this);
  CO_ASSIGN_OR_RETURN(KeyLock lock, co_await core.locks.acquire(id));
  CO_ASSIGN_OR_RETURN(Erased erased, co_await erase_locked(id, up_to));
  lock.release();
  // Absent, too, is an answer to rely on: somebody else's erasure may still be on its way to disk.
  if (erased != Erased::newer) CO_RETURN_IF_ERROR(co_await core.syncer.sync());
  co_return erased;
}

Task<Result<Erased>> ValueStore::erase_locked(Id id, CopyNumber up_to) {
  StoreCore& core = *core_;
  Location location = core.catalog.find(id);
  if (!location) co_return Erased::absent;
  auto segment = core.catalog.at(location.ordinal());
  auto header = co_await read_header(core, segment, id, location);
  if (doubtful(header)) {
    // Its number cannot be read, and nobody will want the copy.
    CO_ASSIGN_OR_RETURN(bool damaged, co_await quarantine_if_damaged(core, id, location));
    if (damaged) co_return Erased::done;
  }
  if (!header.ok()) co_return std::move(header).error();
  const std::uint64_t number = std::max(header->number, core.catalog.touch_number(id));
  if (number > up_to.packed()) co_return Erased::newer;
  Append record(core.env.loop());
  record.header.kind = RecordKind::tombstone;
  record.header.id = id;
  record.header.number = number;
  record.header.old_segment = segment->number;
  record.header.old_offset = static_cast<std::uint32_t>(location.offset() / kRecordAlignment);
  // Where it was copied from, as long as that is on the disk.
  if (core.catalog.exists(header->old_segment)) record.header.length = header->old_segment;
  CO_RETURN_IF_ERROR(co_await core.appender->append(record));
  if (core.options.background) maintenance_.notify_all();
  co_return Erased::done;
}

// --- upkeep ---

Task<Result<ScrubReport>> ValueStore::scrub(ScrubOptions options) {
  CO_RETURN_IF_ERROR(core_->usable());
  ++operations_;
  auto report = co_await in_group(values::scrub(*core_, std::move(options)));
  operation_ended();
  co_return report;
}

// What takes long belongs to the store, so that stop() ends it.
template <class T>
Task<Result<T>> ValueStore::in_group(Task<Result<T>> work) {
  OneShot<T> done(core_->env.loop());
  auto body = [](Task<Result<T>> inner, OneShot<T>& out) -> Task<void> {
    auto result = co_await std::move(inner);
    out.set(std::move(result));
  };
  TaskGroup::Handle handle;
  group_.spawn(body(std::move(work), done), handle);
  auto result = co_await done.wait();
  if (done.is_set()) co_return result;
  group_.cancel(handle);
  co_return co_await done.wait_uncancellable();
}

Task<Result<ReclaimReport>> ValueStore::reclaim() {
  CO_RETURN_IF_ERROR(core_->usable());
  if (reclaiming_) co_return Error(Code::busy, "reclaiming already");
  ++operations_;
  auto report = co_await in_group(reclaim_all());
  operation_ended();
  co_return report;
}

Task<Result<ReclaimReport>> ValueStore::reclaim_all() {
  reclaiming_ = true;
  ReclaimReport total;
  Status status;
  while (core_->usable().ok() && reclaimer_->wanted()) {
    auto step = co_await reclaimer_->step();
    if (!step.ok()) {
      status = step.error();
      break;
    }
    total.segments += step->segments;
    total.bytes_freed += step->bytes_freed;
    total.bytes_copied += step->bytes_copied;
    if (step->segments == 0) break;
  }
  reclaiming_ = false;
  if (!status.ok()) co_return status.error();
  co_return total;
}

void ValueStore::set_reclaim_rate(double bytes_per_second) { reclaimer_->set_rate(bytes_per_second); }

Task<Status> ValueStore::checkpoint() {
  CO_RETURN_IF_ERROR(core_->usable());
  ++operations_;
  Status status = co_await core_->checkpoint();
  operation_ended();
  co_return status;
}

void ValueStore::seal_segments() { core_->appender->seal_all(); }

bool ValueStore::checkpoint_due() const {
  const StoreCore& core = *core_;
  const std::uint64_t index_bytes = core.catalog.index().size() * sizeof(ValueIndex::Entry);
  return core.books.tail_records >=
             std::max(core.options.checkpoint_records_min, core.catalog.index().size() / kCheckpointRecordShare) ||
         core.books.tail_bytes >= std::max(core.options.checkpoint_bytes_min, kCheckpointByteShare * index_bytes);
}

// The store's own task: checkpoints the index and reclaims space whenever one of them pays.
Task<void> ValueStore::maintain() {
  StoreCore& core = *core_;
  // What the last start left in the tails need not be read by the next one.
  bool checkpoint_wanted = core.books.tail_records > 0;
  for (;;) {
    Status status;
    bool idle = true;
    if (checkpoint_wanted || checkpoint_due()) {
      idle = false;
      status = co_await core.checkpoint();
      checkpoint_wanted = false;
    }
    if (status.ok() && !reclaiming_ && reclaimer_->wanted()) {
      auto step = co_await reclaim_all();
      if (!step.ok()) status = step.error();
      idle = idle && (!step.ok() || step->segments == 0);
    }
    if (status.is(Code::cancelled) || status.is(Code::closed) || !core.broken.ok()) co_return;
    if (!status.ok()) {
      core.env.log().warn(core.options.name, "upkeep failed and will be tried again", Field("error", status.error()));
      Status slept = co_await sleep_for(core.env, kAfterError);
      if (!slept.ok()) co_return;
      continue;
    }
    if (!idle) continue;
    bool woken = co_await maintenance_.wait();
    if (!woken) co_return;
  }
}

// --- looking ---

std::uint64_t ValueStore::epoch() const { return core_->books.epoch; }

ValueStoreStats ValueStore::stats() const {
  const StoreCore& core = *core_;
  ValueStoreStats stats;
  stats.values = core.catalog.index().size();
  stats.touched = core.catalog.touches().size();
  stats.live_bytes = core.catalog.live_bytes();
  stats.stored_bytes = core.catalog.stored_bytes();
  stats.segments = core.catalog.segment_count();
  stats.index_bytes = core.catalog.index().bytes();
  stats.disk_total = core.space.last().total;
  stats.disk_available = core.space.last().available;
  stats.damaged = core.damages;
  stats.quarantined = core.quarantined;
  stats.quarantine_bytes = core.quarantine_bytes;
  stats.reclaimed_segments = core.reclaimed_segments;
  stats.reclaimed_bytes = core.reclaimed_bytes;
  stats.checkpoints = core.checkpoints;
  stats.syncs = core.syncer.rounds();
  stats.tail_records = core.books.tail_records;
  stats.tail_bytes = core.books.tail_bytes;
  return stats;
}

}  // namespace vortex::wal::values
