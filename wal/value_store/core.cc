#include "wal/value_store/core.h"

#include "base/log.h"
#include "wal/value_store/checkpoint.h"

namespace vortex::wal::values {

namespace {
// Bytes of puts that may wait for the disk.
constexpr std::size_t kWritingBytesMax = 64 * kMiB;
static_assert(kWritingBytesMax >= 4 * kChunkStoredMax);
}  // namespace

StoreCore::StoreCore(Env& e, std::string directory_path, ValueStoreOptions o)
    : env(e),
      options(std::move(o)),
      directory(std::move(directory_path)),
      catalog(e.random().next()),
      files(e, catalog, directory, options.open_files_max),
      syncer(e, directory, [this](const Error& error) { fail(error); }),
      space(e, directory, options),
      locks(e.loop()),
      books(e, options, directory, catalog, files, syncer, space),
      writing(e.loop(), kWritingBytesMax),
      checkpoint_done(e.loop()) {
  books.on_tail = [] {};
  books.on_failed_sync = [this](const Error& error) { fail(error); };
  books.on_disagreement = [this](const Error& error) {
    if (broken.ok()) broken = Error(error).in("value store: a failed write could not be undone; open it again");
  };
}

void StoreCore::fail(const Error& error) {
  if (!broken.ok()) return;
  broken = Error(error).in("value store");
  // The end of the process itself looks like this; then there is nothing to say.
  if (error.is(Code::cancelled) || error.is(Code::closed)) return;
  env.log().error(options.name, "a sync failed, what was written cannot be believed", Field("directory", directory),
                  Field("error", error));
  env.fail_stop("value store: a sync failed in " + directory + ": " + error.to_string());
}

Status StoreCore::usable() const {
  if (!broken.ok()) return broken;
  if (stopping) return Error(Code::closed, "value store stopped");
  return Status();
}

CopyNumber StoreCore::next_number() {
  CHECK_MSG(last_sequence < CopyNumber::kSequenceMax, "copy numbers of one start are used up");
  return CopyNumber(books.epoch, ++last_sequence);
}

void StoreCore::report(const Damage& damage) {
  if (damage.torn) {
    env.metrics().counter("vortex_values_torn_total", "Values found damaged or cut short by a crash", labels()).add();
  } else {
    ++damages;
    env.metrics()
        .counter("vortex_values_damaged_total", "Records or regions of segments found damaged", labels())
        .add();
  }
  const Field fields[] = {Field("value", damage.id ? damage.id->hex() : std::string("unknown")),
                          Field("segment", damage.segment),
                          Field("offset", damage.offset),
                          Field("length", damage.length),
                          Field("what", damage.what),
                          Field("kept", damage.kept)};
  env.log().write(damage.torn ? LogLevel::warn : LogLevel::error, options.name, damage.torn ? "torn" : "damaged",
                  fields);
  if (options.on_damage) options.on_damage(damage);
}

namespace {
Task<Status> publish(StoreCore& core, std::uint32_t number) {
  Disk& disk = core.env.disk();
  const std::string path = core.books.path(index_name(number)), temporary = path + ".tmp";
  CheckpointHead head;
  head.number = number;
  head.store = core.books.store;
  head.epoch = core.books.epoch;
  head.next_segment = core.books.next_segment;
  OpenOptions options;
  options.create = true;
  options.truncate = true;
  auto opening = co_await disk.open(temporary, options);
  if (!opening.ok()) co_return std::move(opening).error();
  auto file = std::move(opening).value();
  // Records from here on may be in it or not; a restart reads them again. Those before certainly are.
  const std::uint64_t records = core.books.tail_records, bytes = core.books.tail_bytes;
  core.catalog.hold_ordinals(true);
  Status status = co_await write_checkpoint(*file, head, core.catalog);
  core.catalog.hold_ordinals(false);
  // What it refers to must be on disk before it is believed.
  if (status.ok()) status = co_await core.syncer.sync();
  if (status.ok()) {
    status = co_await file->sync();
    if (!status.ok()) core.fail(status.error());
  }
  file.reset();
  if (status.ok()) status = co_await disk.rename(temporary, path);
  if (!status.ok()) {
    Status removed = co_await disk.remove(temporary);
    (void)removed;  // the next start removes it
    co_return status;
  }
  Status synced = co_await disk.sync_directory(core.directory);
  if (!synced.ok()) {
    core.fail(synced.error());
    co_return synced;
  }
  core.books.tail_records -= records;
  core.books.tail_bytes -= bytes;
  core.index_number = number;
  core.indexes.push_back(number);
  core.space.index_takes(core.catalog.checkpoint_bytes());
  ++core.checkpoints;
  co_await core.drop_indexes_before(number);
  co_return Status();
}
}  // namespace

Task<void> StoreCore::drop_indexes_before(std::uint32_t number) {
  std::vector<std::uint32_t> left;
  for (std::uint32_t one : std::exchange(indexes, {})) {
    if (one < number) {
      Status removed = co_await env.disk().remove(books.path(index_name(one)));
      if (removed.ok() || removed.is(Code::not_found)) continue;
    }
    left.push_back(one);
  }
  indexes.insert(indexes.end(), left.begin(), left.end());
}

Task<Status> StoreCore::checkpoint() {
  while (checkpointing) {
    bool woken = co_await checkpoint_done.wait();
    if (!woken) co_return Code::cancelled;
  }
  if (!broken.ok()) co_return broken;
  checkpointing = true;
  Status status = co_await publish(*this, index_number + 1);
  checkpointing = false;
  checkpoint_done.notify_all();
  co_return status;
}

}  // namespace vortex::wal::values
