#include "node/chunk_store/recovery.h"

#include <algorithm>
#include <unordered_map>

#include "base/log.h"
#include "node/chunk_store/checkpoint.h"
#include "node/chunk_store/scanner.h"

namespace vortex::node {

namespace {

// The place of a record: a segment's number and an offset there.
struct Place {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  bool operator==(const Place&) const = default;
};
Place old_place(const RecordHeader& header) {
  Place place;
  place.segment = header.old_segment;
  place.offset = std::uint64_t(header.old_offset) * kRecordAlignment;
  return place;
}

// What the tails say about one chunk.
struct TailState {
  struct Value {
    std::uint64_t number = 0;
    Location location;
    Place old;  // whose place it took
  };
  struct TouchSeen {
    std::uint64_t number = 0;
    Place value;
    std::uint32_t ordinal = 0;
  };
  std::uint64_t erased_to = 0;
  Place erased;  // the record that the highest erasure names
  std::vector<Value> values;
  std::vector<TouchSeen> touches;

  // The newest touch of the value there.
  const TouchSeen* touch_of(const Place& place) const {
    const TouchSeen* newest = nullptr;
    for (const TouchSeen& touch : touches)
      if (touch.value == place && (!newest || touch.number > newest->number)) newest = &touch;
    return newest;
  }
};

class Recovery final : private CheckpointVisitor {
 public:
  explicit Recovery(StoreCore& core) : core_(core) {}

  Task<Result<OpenReport>> run() {
    CO_RETURN_IF_ERROR(co_await read_directory());
    CO_RETURN_IF_ERROR(co_await read_store_file());
    CO_RETURN_IF_ERROR(co_await load_index());
    CO_RETURN_IF_ERROR(co_await open_segments());
    for (auto& segment : core_.catalog.segments()) CO_RETURN_IF_ERROR(co_await read_tail(segment));
    settle_waiting_entries();
    for (auto& [id, state] : tail_) CO_RETURN_IF_ERROR(co_await merge(id, state));
    CO_RETURN_IF_ERROR(co_await raise_epoch());
    CO_RETURN_IF_ERROR(co_await make_durable());
    CO_RETURN_IF_ERROR(co_await drop_empty_segments());
    co_return std::move(report_);
  }

 private:
  Task<Status> read_directory();
  Task<Status> read_store_file();
  Task<Status> load_index();
  Task<Status> open_segments();
  Task<Status> read_tail(std::shared_ptr<Segment> segment);
  Task<Status> find_durable_end(std::shared_ptr<Segment> segment, std::shared_ptr<File> file, std::uint64_t size);
  Task<Status> take_record(Segment& segment, SegmentScanner& scanner, const ScanItem& item);
  void settle_waiting_entries();
  Task<Status> merge(Id id, TailState state);
  Task<Result<std::uint64_t>> number_at(Id id, Location location);
  Task<Status> raise_epoch();
  Task<Status> make_durable();
  Task<Status> drop_empty_segments();
  void note(std::vector<Damage>& list, const Segment& segment, std::uint64_t offset, std::uint64_t length,
            std::optional<Id> id, std::string what);
  void forget_index();
  Status settle_early_items();

  Status head(const CheckpointHead& head) override;
  Status segment(const CheckpointSegment& described) override;
  Status entries(std::span<const ChunkIndex::Entry> entries) override;
  Status touch(const CheckpointTouch& touch) override;

  StoreCore& core_;
  OpenReport report_;
  std::vector<std::uint32_t> segment_numbers_, index_numbers_;
  std::unordered_map<std::uint32_t, std::uint64_t> sizes_;  // of segment files, by number
  bool store_file_found_ = false;
  int epoch_slot_ = 0;
  std::uint64_t epoch_seen_ = 0;
  bool epoch_doubtful_ = false;                                     // one higher may have been in the damaged slot
  std::unordered_map<std::uint32_t, CheckpointSegment> described_;  // by number
  std::unordered_map<std::uint32_t, std::uint32_t> number_of_;      // by ordinal in the checkpoint
  std::vector<ChunkIndex::Entry> early_entries_;
  std::vector<CheckpointTouch> early_touches_;
  bool index_read_ = false;
  std::unordered_map<Id, TailState> tail_;
  // Entries of the checkpoint whose records lie in the tails, where they will be met again.
  std::vector<std::pair<Id, Location>> waiting_;
  struct TailRange {
    std::uint64_t begin = 0, durable = 0;
    std::vector<Gap> unreadable;
  };
  std::unordered_map<std::uint32_t, TailRange> tails_;  // by number
};

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
    core_.env.log().error("chunks", "the store file is damaged and will be written anew",
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

// --- the index checkpoint ---

Status Recovery::head(const CheckpointHead& head) {
  if (head.store != core_.books.store) return Error(Code::damaged, "index of another store");
  core_.books.next_segment = std::max(core_.books.next_segment, head.next_segment);
  epoch_seen_ = std::max(epoch_seen_, head.epoch);
  return Status();
}

Status Recovery::segment(const CheckpointSegment& described) {
  if (described.end > kSegmentBytesMax || !number_of_.emplace(described.ordinal, described.number).second ||
      !described_.emplace(described.number, described).second)
    return Error(Code::damaged, "index describes an impossible segment");
  auto segment = core_.catalog.add_segment(described.number);
  core_.catalog.grow(*segment, described.end);
  segment->epoch = described.epoch;
  segment->torn = described.torn;
  segment->copied_from = std::set<std::uint32_t>(described.copied_from.begin(), described.copied_from.end());
  return Status();
}

Status Recovery::entries(std::span<const ChunkIndex::Entry> entries) {
  for (const ChunkIndex::Entry& entry : entries) {
    Location location = Location::from_bits(entry.location).with_touched(false);
    auto number = number_of_.find(location.ordinal());
    if (number == number_of_.end()) {
      if (index_read_ || location.ordinal() == 0) return Error(Code::damaged, "index entry of no segment");
      early_entries_.push_back(entry);
      continue;
    }
    auto segment = core_.catalog.find_segment(number->second);
    location = Location(segment->ordinal, location.offset(), location.length_hint());
    if (location.offset() >= segment->end) {
      waiting_.emplace_back(entry.id, location);
      std::uint64_t& durable = tails_[segment->number].durable;
      durable = std::max(durable, location.offset() + kRecordAlignment);  // published, so synced
    } else {
      core_.catalog.place(entry.id, location);
    }
  }
  return Status();
}

Status Recovery::touch(const CheckpointTouch& touch) {
  auto number = number_of_.find(touch.ordinal);
  if (number == number_of_.end()) {
    if (index_read_) return Error(Code::damaged, "touch in no segment");
    early_touches_.push_back(touch);
    return Status();
  }
  Location value = Location::from_bits(touch.place);
  auto value_number = number_of_.find(value.ordinal());
  if (value_number == number_of_.end()) {
    if (index_read_) return Error(Code::damaged, "touch of a value in no segment");
    early_touches_.push_back(touch);
    return Status();
  }
  auto segment = core_.catalog.find_segment(number->second);
  core_.catalog.set_touch(touch.id, touch.number, *segment);
  TailState::TouchSeen& seen = tail_[touch.id].touches.emplace_back();
  seen.number = touch.number;
  seen.value.segment = value_number->second;
  seen.value.offset = value.offset();
  seen.ordinal = segment->ordinal;
  return Status();
}

void Recovery::forget_index() {
  core_.catalog.clear();
  tails_.clear();
  early_entries_.clear();
  early_touches_.clear();
  described_.clear();
  number_of_.clear();
  waiting_.clear();
  tail_.clear();
}

// Those whose segments were told of after them.
Status Recovery::settle_early_items() {
  index_read_ = true;
  auto entries_left = std::exchange(early_entries_, {});
  RETURN_IF_ERROR(entries(entries_left));
  for (const CheckpointTouch& item : std::exchange(early_touches_, {})) RETURN_IF_ERROR(touch(item));
  return Status();
}

Task<Status> Recovery::load_index() {
  std::sort(index_numbers_.rbegin(), index_numbers_.rend());
  for (std::uint32_t number : index_numbers_) {
    const std::string path = core_.books.path(index_name(number));
    OpenOptions options;
    options.read_only = true;
    auto opening = co_await core_.env.disk().open(path, options);
    if (!opening.ok()) co_return std::move(opening).error();
    index_read_ = false;
    Status read = co_await read_checkpoint(**opening, *this);
    if (read.ok()) read = settle_early_items();
    // A newer one is never overwritten or reused, so numbers go on from the highest seen.
    core_.index_number = std::max(core_.index_number, number);
    if (read.ok()) {
      report_.index_number = number;
      co_return Status();
    }
    if (!read.is(Code::damaged)) co_return read;
    core_.env.log().error("chunks", "index checkpoint damaged; reading the segments instead", Field("path", path),
                          Field("error", read.error()));
    report_.index_damaged = true;
    Damage damage;
    damage.what = index_name(number) + ": " + std::string(read.error().message());
    report_.damaged.push_back(std::move(damage));
    forget_index();
  }
  co_return Status();
}

// --- segments ---

Task<Status> Recovery::open_segments() {
  for (auto& [number, described] : described_)
    for (const CheckpointDebt& debt : described.debts)
      core_.catalog.add_debt(*core_.catalog.find_segment(number), debt.victim, debt.also, debt.records);
  for (std::uint32_t number : segment_numbers_) {
    auto segment = core_.catalog.find_segment(number);
    if (!segment) segment = core_.catalog.add_segment(number);
    segment->path = core_.books.path(segment_name(number));
    segment->seal = segment_seal(core_.books.store, number);
    core_.books.next_segment = std::max(core_.books.next_segment, number + 1);
  }
  // Chunks whose bytes went with a file, or with a part of one.
  std::vector<std::pair<Id, Location>> lost;
  core_.catalog.index().for_each([&](const ChunkIndex::Entry& entry) {
    Location location = Location::from_bits(entry.location);
    auto size = sizes_.find(core_.catalog.at(location.ordinal())->number);
    if (size == sizes_.end() || location.offset() + kRecordHeaderBytes > size->second)
      lost.emplace_back(entry.id, location);
  });
  for (auto& [id, location] : lost) {
    const Segment& segment = *core_.catalog.at(location.ordinal());
    note(report_.damaged, segment, location.offset(), location.record_bytes(), id,
         "the segment file is missing or too short");
    core_.catalog.forget(id);
  }
  // A file that is gone without costing a chunk was reclaimed after the checkpoint.
  for (auto& segment : core_.catalog.segments()) {
    if (!segment->path.empty()) continue;
    std::vector<Id> touched;
    for (auto& [id, touch] : core_.catalog.touches())
      if (touch.ordinal == segment->ordinal) touched.push_back(id);
    for (const Id& id : touched) core_.catalog.drop_touch(id);
    core_.catalog.remove_segment(segment->number);
  }
  co_return Status();
}

Task<Status> Recovery::find_durable_end(std::shared_ptr<Segment> segment, std::shared_ptr<File> file,
                                        std::uint64_t size) {
  TailRange& range = tails_[segment->number];
  SegmentScanner scanner(*file, segment->seal, range.begin, size);
  ScanItem item;
  for (;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    if (item.record) range.durable = std::max(range.durable, std::uint64_t(item.record->durable_to) * kRecordAlignment);
  }
  report_.bytes_read += scanner.bytes_read();
  co_return Status();
}

Task<Status> Recovery::read_tail(std::shared_ptr<Segment> segment) {
  const std::uint64_t size = sizes_[segment->number];
  auto described = described_.find(segment->number);
  // A sealed one was read to its end once; what lies behind it was never written well.
  if (described != described_.end() && described->second.sealed) {
    segment->sealed = true;
    segment->durable = segment->end;
    if (size < segment->end)
      note(report_.damaged, *segment, size, segment->end - size, std::nullopt, "the segment file is too short");
    co_return Status();
  }
  CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core_.files.open(segment));
  TailRange& range = tails_[segment->number];
  range.begin = segment->end;
  if (segment->end == 0) {
    ByteVector bytes(kSegmentHeaderBytes);
    CO_ASSIGN_OR_RETURN(std::size_t got, co_await file->read_at(0, MutableBytes(bytes)));
    auto header = decode_segment_header(ByteView(bytes).first(got));
    if (header.is(Code::unsupported_version)) co_return std::move(header).error();
    if (header.ok() && (header->store != core_.books.store || header->number != segment->number))
      co_return Error(Code::damaged, segment->path + " belongs to another store or was renamed");
    if (header.ok()) segment->epoch = header->epoch;
    range.begin = kSegmentHeaderBytes;
    if (!header.ok()) range.unreadable.push_back(Gap());
  }
  epoch_seen_ = std::max(epoch_seen_, segment->epoch);
  CO_RETURN_IF_ERROR(co_await find_durable_end(segment, file, size));
  if (segment->end == 0 && range.durable > 0 && !range.unreadable.empty())
    note(report_.damaged, *segment, 0, kSegmentHeaderBytes, std::nullopt, "segment header damaged");
  range.unreadable.clear();
  SegmentScanner scanner(*file, segment->seal, range.begin, size);
  std::uint64_t end = segment->end;
  for (ScanItem item;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    const bool synced = item.offset < range.durable;
    if (item.record) {
      if (item.repaired) ++report_.repaired;
      CO_RETURN_IF_ERROR(co_await take_record(*segment, scanner, item));
      end = item.offset + item.length;
      continue;
    }
    Gap gap;
    gap.offset = item.offset;
    gap.length = item.length;
    range.unreadable.push_back(gap);
    note(synced ? report_.damaged : report_.torn, *segment, item.offset, item.length, std::nullopt,
         "no readable record");
    if (synced) {
      segment->pinned = true;
    } else {
      segment->torn.push_back(gap);
    }
  }
  report_.bytes_read += scanner.bytes_read();
  // Gaps behind the last record are no part of the segment.
  while (!segment->torn.empty() && segment->torn.back().offset >= end) segment->torn.pop_back();
  core_.catalog.grow(*segment, std::max(end, segment->end));
  co_return Status();
}

Task<Status> Recovery::take_record(Segment& segment, SegmentScanner& scanner, const ScanItem& item) {
  const RecordHeader& header = *item.record;
  ++report_.records_read;
  core_.books.tail_records++;
  core_.books.tail_bytes += item.length;
  const bool synced = item.offset < tails_[segment.number].durable;
  TailState& state = tail_[header.id];
  if (header.kind == RecordKind::touch) {
    TailState::TouchSeen& seen = state.touches.emplace_back();
    seen.number = header.number;
    seen.value = old_place(header);
    seen.ordinal = segment.ordinal;
    co_return Status();
  }
  if (header.erases()) {
    if (header.number >= state.erased_to) {
      state.erased_to = header.number;
      state.erased = old_place(header);
    }
    core_.catalog.add_debt(segment, header.old_segment, header.length);
    co_return Status();
  }
  bool sound = !item.cut && (synced || !item.repaired);
  if (sound && !synced) {
    CO_ASSIGN_OR_RETURN(ByteView bytes, co_await scanner.bytes(item));
    sound = bytes.size() >= header.prefix_bytes() + header.length &&
            value_sound(bytes, bytes.subspan(header.prefix_bytes(), header.length));
  }
  if (!sound) {
    note(synced ? report_.damaged : report_.torn, segment, item.offset, item.length, header.id, "bytes damaged");
    co_return Status();
  }
  if (header.old_segment != 0 && header.old_segment != segment.number && core_.catalog.exists(header.old_segment))
    segment.copied_from.insert(header.old_segment);
  TailState::Value& value = state.values.emplace_back();
  value.number = header.number;
  value.location = Location(segment.ordinal, item.offset, header.length);
  value.old = old_place(header);
  // Its place in the index is taken, so that it is set aside like any other damaged copy.
  if (item.repaired) report_.to_quarantine.emplace_back(header.id, value.location);
  co_return Status();
}

// An entry that the tails do not bear out lost its record after it was synced.
void Recovery::settle_waiting_entries() {
  for (auto& [id, location] : waiting_) {
    const Segment& segment = *core_.catalog.at(location.ordinal());
    auto state = tail_.find(id);
    if (state != tail_.end() && (!state->second.values.empty() || state->second.erased_to != 0)) continue;
    bool told = std::any_of(report_.damaged.begin(), report_.damaged.end(),
                            [&, chunk = id](const Damage& damage) { return damage.id == chunk; });
    if (!told) note(report_.damaged, segment, location.offset(), location.record_bytes(), id, "no readable record");
  }
}

Task<Result<std::uint64_t>> Recovery::number_at(Id id, Location location) {
  auto segment = core_.catalog.at(location.ordinal());
  auto header = co_await read_header(core_, segment, id, location);
  if (header.ok()) co_return header->number;
  if (!header.is(Code::damaged)) co_return std::move(header).error();
  co_return 0;
}

// A copy lives when its number, or that of a touch of it, is above all erasures; the newest that lives is the chunk's.
Task<Status> Recovery::merge(Id id, TailState state) {
  Catalog& catalog = core_.catalog;
  auto place_of = [&](Location location) {
    Place place;
    place.segment = catalog.at(location.ordinal())->number;
    place.offset = location.offset();
    return place;
  };
  auto touched_to = [&](const Place& place) {
    const TailState::TouchSeen* touch = state.touch_of(place);
    return touch ? touch->number : 0;
  };
  const TailState::Value* best = nullptr;
  std::uint64_t best_number = 0;
  for (const TailState::Value& value : state.values) {
    std::uint64_t number = std::max(value.number, touched_to(place_of(value.location)));
    if (best && number < best_number) continue;
    best = &value;
    best_number = number;
  }
  if (Location indexed = catalog.find(id)) {
    const Place place = place_of(indexed);
    std::uint64_t number = touched_to(place);
    const bool certainly_old = (best && best->old == place) || (state.erased == place && number <= state.erased_to);
    const bool asked = best || state.erased_to != 0;
    if (!certainly_old && asked) {
      CO_ASSIGN_OR_RETURN(std::uint64_t written, co_await number_at(id, indexed));
      number = std::max(number, written);
    }
    if (certainly_old || (asked && number <= state.erased_to)) {
      catalog.forget(id);
    } else if (number > best_number) {
      best = nullptr;
    }
  }
  catalog.drop_touch(id);
  if (best && best_number > state.erased_to) catalog.place(id, best->location);
  Location location = catalog.find(id);
  if (!location) co_return Status();
  const TailState::TouchSeen* touch = state.touch_of(place_of(location));
  if (touch && (!best || touch->number > best->number))
    catalog.set_touch(id, touch->number, *catalog.at(touch->ordinal));
  co_return Status();
}

// --- before it is used ---

Task<Status> Recovery::raise_epoch() {
  StoreCore& core = core_;
  const std::uint64_t epoch = core.options.epoch != 0 ? core.options.epoch : epoch_seen_ + (epoch_doubtful_ ? 2 : 1);
  if (epoch <= epoch_seen_)
    co_return Error(Code::bad_config, "the chunk store was last opened in epoch " + std::to_string(epoch_seen_) +
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

}  // namespace

Task<Result<OpenReport>> recover(StoreCore& core) {
  Recovery recovery(core);
  co_return co_await recovery.run();
}

}  // namespace vortex::node
