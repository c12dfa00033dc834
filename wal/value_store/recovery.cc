#include "wal/value_store/recovery.h"

#include <limits>

#include "base/log.h"
#include "wal/value_store/recovery_run.h"

namespace vortex::wal::values {

Task<Result<OpenReport>> Recovery::run() {
  CO_RETURN_IF_ERROR(co_await read_directory());
  CO_RETURN_IF_ERROR(co_await read_store_file());
  CO_RETURN_IF_ERROR(co_await load_index());
  CO_RETURN_IF_ERROR(co_await open_segments());
  for (auto& segment : core_.catalog.segments()) CO_RETURN_IF_ERROR(co_await read_tail(segment));
  settle_waiting_entries();
  reserve_for_tail();
  for (auto& [id, state] : tail_)
    if (!merge_new(id, state)) CO_RETURN_IF_ERROR(co_await merge(id, std::move(state)));
  CO_RETURN_IF_ERROR(co_await raise_epoch());
  CO_RETURN_IF_ERROR(co_await make_durable());
  CO_RETURN_IF_ERROR(co_await drop_empty_segments());
  co_return std::move(report_);
}

void Recovery::note(std::vector<Damage>& list, const Segment& segment, std::uint64_t offset, std::uint64_t length,
                    std::optional<Id> id, std::string what) {
  Damage damage;
  damage.id = id;
  damage.segment = segment.number;
  damage.offset = offset;
  damage.length = length;
  damage.what = std::move(what);
  list.push_back(std::move(damage));
}

Task<Status> Recovery::read_directory() {
  Disk& disk = core_.env.disk();
  auto listing = co_await disk.list(core_.directory);
  if (!listing.ok()) co_return std::move(listing).error();
  for (const DirectoryEntry& entry : *listing) {
    if (entry.directory) continue;
    if (auto number = parse_segment_name(entry.name)) {
      if (*number == std::numeric_limits<std::uint32_t>::max())
        co_return Error(Code::damaged, entry.name + " is not a name that a store gives");
      segment_numbers_.push_back(*number);
      sizes_[*number] = entry.size;
    } else if (auto index = parse_index_name(entry.name)) {
      index_numbers_.push_back(*index);
    } else if (entry.name == "STORE") {
      store_file_found_ = true;
    } else if (entry.name.ends_with(".tmp") || entry.name.ends_with(".new")) {
      Status removed = co_await disk.remove(core_.books.path(entry.name));
      if (removed.is(Code::cancelled)) co_return removed;
    }
  }
  auto quarantined = co_await disk.list(core_.books.path("quarantine"));
  if (quarantined.ok())
    for (const DirectoryEntry& entry : *quarantined) core_.quarantine_bytes += entry.size;
  if (quarantined.is(Code::cancelled)) co_return Code::cancelled;
  co_return Status();
}

Task<Status> Recovery::read_store_file() {
  if (store_file_found_) {
    auto bytes = co_await read_file(core_.env.disk(), core_.books.path("STORE"), kStoreFileBytes * 2);
    if (!bytes.ok()) co_return std::move(bytes).error();
    auto file = decode_store_file(*bytes);
    if (file.ok()) {
      core_.books.store = file->store;
      epoch_seen_ = file->epoch;
      epoch_doubtful_ = file->slot_damaged;
      core_.books.next_segment = std::max(core_.books.next_segment, file->next_segment);
      epoch_slot_ = 1 - file->slot;
      co_return Status();
    }
    if (!file.is(Code::damaged)) co_return std::move(file).error();
    core_.env.log().error("values", "the store file is damaged and will be written anew",
                          Field("directory", core_.directory));
    store_file_found_ = false;
  }
  // Every segment and index carries the store's id too.
  for (std::uint32_t number : segment_numbers_) {
    auto opening = co_await core_.env.disk().open(core_.books.path(segment_name(number)), OpenOptions());
    if (!opening.ok()) co_return std::move(opening).error();
    ByteVector bytes(kSegmentHeaderBytes);
    auto got = co_await (*opening)->read_at(0, MutableBytes(bytes));
    if (!got.ok()) co_return std::move(got).error();
    auto header = decode_segment_header(ByteView(bytes).first(*got));
    if (header.is(Code::unsupported_version)) co_return std::move(header).error();
    if (!header.ok()) continue;
    core_.books.store = header->store;
    co_return Status();
  }
  if (segment_numbers_.empty() && index_numbers_.empty()) report_.created = true;
  core_.env.random().fill(core_.books.store);
  co_return Status();
}

// --- before it is used ---

Task<Status> Recovery::raise_epoch() {
  StoreCore& core = core_;
  const std::uint64_t epoch = core.options.epoch != 0 ? core.options.epoch : epoch_seen_ + (epoch_doubtful_ ? 2 : 1);
  if (epoch <= epoch_seen_)
    co_return Error(Code::bad_config, "the value store was last opened in epoch " + std::to_string(epoch_seen_) +
                                          ", which is not below " + std::to_string(epoch));
  if (epoch > CopyNumber::kEpochMax) co_return Error(Code::bad_config, "epoch too high");
  core.books.epoch = epoch;
  const std::string path = core.books.path("STORE");
  if (!store_file_found_) {
    // The directory itself may be new, and those above it.
    for (std::string above = core.directory; above != "." && above != "/";) {
      std::size_t slash = above.rfind('/');
      above = slash == std::string::npos ? "." : slash == 0 ? "/" : above.substr(0, slash);
      CO_RETURN_IF_ERROR(co_await core.env.disk().sync_directory(above));
    }
    StoreFile file;
    file.store = core.books.store;
    file.epoch = epoch;
    file.next_segment = core.books.next_segment;
    co_return co_await replace_file(core.env.disk(), path, encode_store_file(file));
  }
  // In place, so that it works on a full disk; the other slot keeps the last epoch should this be torn.
  auto opening = co_await core.env.disk().open(path, OpenOptions());
  if (!opening.ok()) co_return std::move(opening).error();
  ByteVector sector = encode_epoch_slot(epoch, core.books.next_segment);
  const ByteView piece(sector);
  const std::uint64_t offset = kStoreSectorBytes * static_cast<std::size_t>(1 + epoch_slot_);
  co_return co_await (*opening)->write_durable(offset, std::span(&piece, 1));
}

// What the last process wrote may be in memory only; from now on it is relied upon.
Task<Status> Recovery::make_durable() {
  for (auto& segment : core_.catalog.segments()) {
    if (segment->sealed) continue;
    segment->sealed = true;
    if (segment->end > kSegmentHeaderBytes) {
      CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core_.files.open(segment));
      Status synced = co_await file->sync();
      if (!synced.ok()) {
        core_.fail(synced.error());
        co_return synced;
      }
    }
    segment->durable = segment->end;
  }
  if (segment_numbers_.empty()) co_return Status();
  Status synced = co_await core_.env.disk().sync_directory(core_.directory);
  if (!synced.ok()) core_.fail(synced.error());
  co_return synced;
}

// Files that a crash left without a single record.
Task<Status> Recovery::drop_empty_segments() {
  for (auto& segment : core_.catalog.segments()) {
    const TailRange& range = tails_[segment->number];
    if (segment->end > kSegmentHeaderBytes || range.durable != 0 || sizes_[segment->number] > kSegmentHeaderBytes)
      continue;
    core_.files.close(*segment);
    Status removed = co_await core_.env.disk().remove(segment->path);
    if (removed.is(Code::cancelled)) co_return removed;
    if (removed.ok()) core_.catalog.remove_segment(segment->number);
  }
  co_return Status();
}

Task<Result<OpenReport>> recover(StoreCore& core) {
  Recovery recovery(core);
  co_return co_await recovery.run();
}

}  // namespace vortex::wal::values
