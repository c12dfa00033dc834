#include "wal/value_store/recovery.h"

#include <limits>

#include "base/log.h"
#include "wal/value_store/recovery_run.h"

namespace vortex::wal::values {

namespace {
constexpr std::size_t kRewriteBytes = kMiB;

// Neighbouring records on their way back to where they lie.
class Run {
 public:
  // What is held is written unless the item follows it and fits.
  Task<Status> make_room(File& file, const ScanItem& item) {
    if (item.offset != begin_ + bytes_.size() || bytes_.size() + item.length > kRewriteBytes) {
      CO_RETURN_IF_ERROR(co_await write(file));
      begin_ = item.offset;
    }
    co_return Status();
  }
  // Zeros, to be filled.
  MutableBytes add(std::size_t size) {
    bytes_.resize(bytes_.size() + size);
    return MutableBytes(bytes_).last(size);
  }
  Task<Status> write(File& file) {
    if (bytes_.empty()) co_return Status();
    const ByteView piece(bytes_);
    CO_RETURN_IF_ERROR(co_await file.write_at(begin_, std::span<const ByteView>(&piece, 1)));
    bytes_.clear();
    co_return Status();
  }

 private:
  ByteVector bytes_;
  std::uint64_t begin_ = 0;
};
}  // namespace

Task<Result<OpenReport>> Recovery::run() {
  CO_RETURN_IF_ERROR(co_await read_directory());
  CO_RETURN_IF_ERROR(co_await read_store_file());
  CO_RETURN_IF_ERROR(co_await load_index());
  CO_RETURN_IF_ERROR(co_await open_segments());
  std::uint64_t records = 0;
  for (auto& segment : core_.catalog.segments()) {
    CO_ASSIGN_OR_RETURN(std::uint64_t more, co_await measure_tail(segment));
    records += more;
  }
  CO_RETURN_IF_ERROR(co_await read_tails(records));
  CO_RETURN_IF_ERROR(co_await raise_epoch());
  CO_RETURN_IF_ERROR(co_await make_durable());
  CO_RETURN_IF_ERROR(co_await drop_empty_segments());
  if (report_.index_number != 0) co_await core_.drop_indexes_before(report_.index_number);
  co_return std::move(report_);
}

void Recovery::note(std::vector<Damage>& list, const Segment& segment, std::uint64_t offset, std::uint64_t length,
                    std::optional<Id> id, std::string what) {
  if (list.size() >= kDamagesNamedMax) {
    if (&list == &report_.damaged) ++report_.more_damaged;
    return;
  }
  Damage damage;
  damage.id = id;
  damage.segment = segment.number;
  damage.offset = offset;
  damage.length = length;
  damage.what = std::move(what);
  damage.torn = &list == &report_.torn;
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
    Result<StoreFile> file = Code::damaged;
    for (int attempt = 0; attempt < 2; ++attempt) {
      auto bytes = co_await read_file(core_.env.disk(), core_.books.path("STORE"), kStoreFileBytes * 2);
      if (!bytes.ok() && !bytes.is(Code::io_error)) co_return std::move(bytes).error();
      if (!bytes.ok()) continue;
      file = decode_store_file(*bytes);
      if (file.ok() && !file->slot_damaged) break;
    }
    if (file.ok()) {
      core_.books.store = file->store;
      epoch_seen_ = file->epoch;
      epoch_doubtful_ = file->slot_damaged;
      core_.books.next_segment = std::max(core_.books.next_segment, file->next_segment);
      epoch_slot_ = 1 - file->slot;
      co_return Status();
    }
    if (!file.is(Code::damaged)) co_return std::move(file).error();
    core_.env.log().error(core_.options.name, "the store file is damaged and will be written anew",
                          Field("directory", core_.directory));
    store_file_found_ = false;
  }
  co_return co_await find_store_id();
}

namespace {
// Takes the store's id from an index checkpoint and reads no further.
class HeadOnly final : public CheckpointVisitor {
 public:
  Status head(const CheckpointHead& it) override {
    store = it.store;
    return Error(Code::cancelled, "that is all");
  }
  Status segment(const CheckpointSegment&) override { return Status(); }
  Status entries(std::span<const ValueIndex::Entry>) override { return Status(); }
  Status touch(const CheckpointTouch&) override { return Status(); }
  std::optional<StoreId> store;
};
}  // namespace

// Every segment and index carries it too.
Task<Status> Recovery::find_store_id() {
  OpenOptions options;
  options.read_only = true;
  for (std::uint32_t number : segment_numbers_) {
    auto opening = co_await core_.env.disk().open(core_.books.path(segment_name(number)), options);
    if (!opening.ok()) co_return std::move(opening).error();
    ByteVector bytes(kSegmentHeaderBytes);
    auto got = co_await (*opening)->read_at(0, MutableBytes(bytes));
    if (!got.ok() && !got.is(Code::io_error)) co_return std::move(got).error();
    auto header = decode_segment_header(ByteView(bytes).first(got.ok() ? *got : 0));
    if (header.is(Code::unsupported_version)) co_return std::move(header).error();
    if (!header.ok()) continue;
    core_.books.store = header->store;
    co_return Status();
  }
  for (std::uint32_t number : index_numbers_) {
    auto opening = co_await core_.env.disk().open(core_.books.path(index_name(number)), options);
    if (!opening.ok()) co_return std::move(opening).error();
    HeadOnly visitor;
    Status read = co_await read_checkpoint(**opening, visitor);
    if (read.is(Code::unsupported_version)) co_return read;
    if (!visitor.store) continue;
    core_.books.store = *visitor.store;
    co_return Status();
  }
  // With another id nothing that is there could be read, and the next index would be taken for the whole truth.
  if (!segment_numbers_.empty() || !index_numbers_.empty())
    co_return Error(Code::damaged, core_.directory + ": STORE is lost, and no other file says which store this is");
  report_.created = true;
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
    if (segment->end > kSegmentHeaderBytes) {
      CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core_.files.open(segment));
      CO_RETURN_IF_ERROR(co_await write_again(segment, file));
      Status synced = co_await file->sync();
      if (!synced.ok()) {
        core_.fail(synced.error());
        co_return synced;
      }
    }
    segment->sealed = true;
    segment->durable = segment->end;
  }
  if (segment_numbers_.empty()) co_return Status();
  Status synced = co_await core_.env.disk().sync_directory(core_.directory);
  if (!synced.ok()) core_.fail(synced.error());
  co_return synced;
}

// The last process may have ended because a sync failed. Its bytes are then shown by the page cache, which holds them
// for clean, and no later sync would write them: so every record not known to be durable is written once more. Nothing
// is written but what its checksums vouch for: a read that went wrong must not become what is on the disk.
Task<Status> Recovery::write_again(std::shared_ptr<Segment> segment, std::shared_ptr<File> file) {
  const TailRange& range = tails_[segment->number];
  if (range.begin <= kSegmentHeaderBytes && range.durable == 0)
    CO_RETURN_IF_ERROR(co_await write_header_again(*segment, *file));
  if (range.unsure == 0) co_return Status();
  SegmentScanner scanner(*file, segment->seal, range.unsure, segment->end);
  Run run;
  for (ScanItem item;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    if (!item.record || item.cut) continue;
    CO_RETURN_IF_ERROR(co_await run.make_room(*file, item));
    if (item.record->kind != RecordKind::value) {
      // One that was repaired counts, so it is written as it was meant.
      encode_record(*item.record, std::span<const std::uint64_t>(), segment->seal, run.add(kRecordHeaderBytes));
      continue;
    }
    if (item.repaired) continue;
    CO_ASSIGN_OR_RETURN(std::optional<ByteView> bytes, co_await scanner.sound_value(item));
    if (!bytes) continue;
    const std::size_t size = item.record->prefix_bytes() + item.record->length;
    std::memcpy(run.add(static_cast<std::size_t>(item.length)).data(), bytes->data(), size);
  }
  co_return co_await run.write(*file);
}

Task<Status> Recovery::write_header_again(Segment& segment, File& file) {
  CO_ASSIGN_OR_RETURN(std::optional<SegmentHeader> header, co_await read_segment_header(file, segment.end));
  if (!header) co_return Status();
  ByteVector bytes = encode_segment_header(*header);
  const ByteView piece(bytes);
  co_return co_await file.write_at(0, std::span<const ByteView>(&piece, 1));
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
