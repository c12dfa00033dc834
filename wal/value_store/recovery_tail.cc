// Opening: the segments, as far as the index does not cover them.
#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>

#include "wal/value_store/recovery_run.h"

namespace vortex::wal::values {

namespace {
// Ids are told apart by their first two bytes.
constexpr std::uint64_t kPassesMax = 64 * kKiB;

Place old_place(const RecordHeader& header) {
  Place place;
  place.segment = header.old_segment;
  place.offset = std::uint64_t(header.old_offset) * kRecordAlignment;
  return place;
}
}  // namespace

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
  // Values whose bytes went with a file, or with a part of one, unless the tails know another copy.
  std::vector<Id> gone;
  core_.catalog.index().for_each([&](const ValueIndex::Entry& entry) {
    Location location = Location::from_bits(entry.location);
    const std::uint32_t number = core_.catalog.at(location.ordinal())->number;
    auto size = sizes_.find(number);
    if (size != sizes_.end() && location.offset() + kRecordHeaderBytes <= size->second) return;
    Unplaced& unplaced = unplaced_.emplace_back();
    unplaced.id = entry.id;
    unplaced.place.segment = number;
    unplaced.place.offset = location.offset();
    unplaced.length = location.record_bytes();
    unplaced.file_gone = true;
    gone.push_back(entry.id);
  });
  for (const Id& id : gone) core_.catalog.forget(id);
  for (Unplaced& unplaced : unplaced_) {
    auto segment = core_.catalog.find_segment(unplaced.place.segment);
    unplaced.file_gone = unplaced.file_gone || segment->path.empty();
  }
  give_missing_touches_a_home();
  // A file that is gone without costing a value was reclaimed after the checkpoint.
  for (auto& segment : core_.catalog.segments())
    if (segment->path.empty()) core_.catalog.remove_segment(segment->number);
  co_return Status();
}

// The index still knows the number that a touch in a missing file gave: it counts as if it lay beside its value.
void Recovery::give_missing_touches_a_home() {
  std::set<std::uint32_t> missing;
  for (auto& [id, state] : tail_) {
    auto lost = [&](TailState::TouchSeen& touch) {
      const Segment& segment = *core_.catalog.at(touch.ordinal);
      if (!segment.path.empty()) return false;
      missing.insert(segment.number);
      auto home = core_.catalog.find_segment(touch.value.segment);
      if (!home || home->path.empty()) return true;
      touch.ordinal = home->ordinal;
      return false;
    };
    std::erase_if(state.touches, lost);
  }
  std::vector<std::pair<Id, std::uint64_t>> homeless;
  for (const auto& [id, touch] : core_.catalog.touches()) {
    const Segment& segment = *core_.catalog.at(touch.ordinal);
    if (!segment.path.empty()) continue;
    missing.insert(segment.number);
    homeless.emplace_back(id, touch.number);
  }
  for (const auto& [id, number] : homeless) {
    auto home = core_.catalog.at(core_.catalog.find(id).ordinal());
    core_.catalog.set_touch(id, number, *home);
  }
  for (std::uint32_t number : missing)
    note(report_.damaged, *core_.catalog.find_segment(number), 0, 0, std::nullopt, "the segment file is missing");
}

Task<Result<std::uint64_t>> Recovery::find_durable_end(std::shared_ptr<Segment> segment, std::shared_ptr<File> file) {
  TailRange& range = tails_[segment->number];
  SegmentScanner scanner(*file, segment->seal, range.begin, sizes_[segment->number]);
  ScanItem item;
  std::uint64_t records = 0;
  for (;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    ++records;
    if (item.record) range.durable = std::max(range.durable, std::uint64_t(item.record->durable_to) * kRecordAlignment);
  }
  report_.bytes_read += scanner.bytes_read();
  co_return records;
}

Task<Result<std::optional<SegmentHeader>>> read_segment_header(File& file, std::uint64_t size) {
  WindowReader reader(file, size, kSegmentHeaderBytes);
  for (int attempt = 0; attempt < kReads; ++attempt) {
    CO_ASSIGN_OR_RETURN(ByteView bytes, co_await reader.at(0, kSegmentHeaderBytes));
    auto header = decode_segment_header(bytes);
    if (header.is(Code::unsupported_version)) co_return std::move(header).error();
    if (header.ok()) co_return std::optional<SegmentHeader>(*header);
    reader.forget();
  }
  co_return std::optional<SegmentHeader>();
}

Task<Result<std::uint64_t>> Recovery::measure_tail(std::shared_ptr<Segment> segment) {
  const std::uint64_t size = sizes_[segment->number];
  auto described = described_.find(segment->number);
  // A sealed one was read to its end once; what lies behind it was never written well.
  if (described != described_.end() && described->second.sealed()) {
    segment->sealed = true;
    segment->durable = segment->end;
    if (size < segment->end)
      note(report_.damaged, *segment, size, segment->end - size, std::nullopt, "the segment file is too short");
    co_return 0;
  }
  CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core_.files.open(segment));
  TailRange& range = tails_[segment->number];
  range.begin = segment->end;
  bool header_damaged = false;
  if (segment->end == 0) {
    CO_ASSIGN_OR_RETURN(std::optional<SegmentHeader> header, co_await read_segment_header(*file, size));
    if (header && (header->store != core_.books.store || header->number != segment->number))
      co_return Error(Code::damaged, segment->path + " belongs to another store or was renamed");
    if (header) segment->epoch = header->epoch;
    range.begin = kSegmentHeaderBytes;
    header_damaged = !header;
  }
  epoch_seen_ = std::max(epoch_seen_, segment->epoch);
  CO_ASSIGN_OR_RETURN(std::uint64_t records, co_await find_durable_end(segment, file));
  if (header_damaged && range.durable > 0)
    note(report_.damaged, *segment, 0, kSegmentHeaderBytes, std::nullopt, "segment header damaged");
  co_return records;
}

// With more records than may be held at once, the tails are read several times, each time for a part of all ids.
Task<Status> Recovery::read_tails(std::uint64_t records) {
  const std::uint64_t held = std::max<std::size_t>(core_.options.open_records_max, 1);
  passes_ = static_cast<std::uint32_t>(std::min<std::uint64_t>((records + held - 1) / held, kPassesMax));
  passes_ = std::max(passes_, 1u);
  const auto segments = core_.catalog.segments();
  for (pass_ = 0; pass_ < passes_; ++pass_) {
    tail_.reserve(tail_.size() + static_cast<std::size_t>(records / passes_));
    for (auto& segment : segments) CO_RETURN_IF_ERROR(co_await read_tail(segment));
    settle_lost();
    reserve_for_tail();
    CO_RETURN_IF_ERROR(co_await merge_pass());
  }
  co_return Status();
}

bool Recovery::in_pass(const Id& id) const {
  return (std::uint32_t(id.bytes[0]) << 8 | id.bytes[1]) * std::uint64_t(passes_) / kPassesMax == pass_;
}

Task<Status> Recovery::read_tail(std::shared_ptr<Segment> segment) {
  if (segment->sealed) co_return Status();
  CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core_.files.open(segment));
  TailRange& range = tails_[segment->number];
  SegmentScanner scanner(*file, segment->seal, range.begin, sizes_[segment->number]);
  std::uint64_t end = segment->end;
  for (ScanItem item;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    if (item.record) {
      CO_RETURN_IF_ERROR(co_await take_record(*segment, scanner, item));
      end = item.offset + item.length;
      if (end > range.durable && range.unsure == 0) range.unsure = item.offset;
    } else if (pass_ == 0) {
      take_gap(*segment, item);
      // A block that was written once and cannot be read is no torn write: the records before it do not end the
      // segment.
      if (item.unreadable) end = item.offset + item.length;
    }
  }
  report_.bytes_read += scanner.bytes_read();
  if (pass_ != 0) co_return Status();
  // Gaps behind the last record are no part of the segment.
  while (!segment->torn.empty() && segment->torn.back().offset >= end) segment->torn.pop_back();
  core_.catalog.grow(*segment, std::max(end, segment->end));
  co_return Status();
}

void Recovery::take_gap(Segment& segment, const ScanItem& item) {
  const bool damaged = item.unreadable || item.offset < tails_[segment.number].durable;
  note(damaged ? report_.damaged : report_.torn, segment, item.offset, item.length, std::nullopt,
       item.unreadable ? "the disk cannot read it" : "no readable record");
  if (damaged) {
    segment.pinned = true;
    return;
  }
  Gap gap;
  gap.offset = item.offset;
  gap.length = item.length;
  segment.torn.push_back(gap);
}

Task<Status> Recovery::take_record(Segment& segment, SegmentScanner& scanner, const ScanItem& item) {
  const RecordHeader& header = *item.record;
  if (pass_ == 0) {
    ++report_.records_read;
    if (item.repaired) ++report_.repaired;
    core_.books.tail_records++;
    core_.books.tail_bytes += item.length;
    // A copy number is of no later start than ours, whatever became of the files that say so.
    epoch_seen_ = std::max(epoch_seen_, CopyNumber::unpack(header.number).epoch);
    if (header.erases()) take_erasure(segment, header);
  }
  if (!in_pass(header.id)) co_return Status();
  if (header.kind == RecordKind::value) co_return co_await take_value(segment, scanner, item);
  TailState& state = tail_[header.id];
  if (header.kind == RecordKind::touch) {
    TailState::TouchSeen& seen = state.touches.emplace_back();
    seen.number = header.number;
    seen.value = old_place(header);
    seen.ordinal = segment.ordinal;
  } else if (header.number >= state.erased_to) {
    state.erased_to = header.number;
    state.erased = old_place(header);
  }
  co_return Status();
}

void Recovery::take_erasure(Segment& segment, const RecordHeader& header) {
  core_.catalog.add_debt(segment, header.old_segment, header.length);
  if (header.kind != RecordKind::quarantine || header.form != kBytesStay) return;
  if (auto holder = core_.catalog.find_segment(header.old_segment)) holder->pinned = true;
}

Task<Status> Recovery::take_value(Segment& segment, SegmentScanner& scanner, const ScanItem& item) {
  const RecordHeader& header = *item.record;
  const bool synced = item.offset < tails_[segment.number].durable;
  bool sound = !item.cut && (synced || !item.repaired), unreadable = item.unreadable;
  if (sound && !synced) {
    CO_ASSIGN_OR_RETURN(std::optional<ByteView> bytes, co_await scanner.sound_value(item));
    sound = bytes.has_value();
    unreadable = scanner.unreadable(item);
  }
  if (!sound) {
    note(synced || unreadable ? report_.damaged : report_.torn, segment, item.offset, item.length, header.id,
         unreadable ? "the disk cannot read it" : "bytes damaged");
    co_return Status();
  }
  if (header.old_segment != 0 && header.old_segment != segment.number && core_.catalog.exists(header.old_segment))
    segment.copied_from.insert(header.old_segment);
  TailState::Value& value = tail_[header.id].values.emplace_back();
  value.number = header.number;
  value.location = Location(segment.ordinal, item.offset, header.length);
  value.old = old_place(header);
  // Its place in the index is taken, so that it is set aside like any other damaged copy.
  if (item.repaired) report_.to_quarantine.emplace_back(header.id, value.location);
  co_return Status();
}

// An entry that the tails do not bear out lost its record after it was synced.
void Recovery::settle_lost() {
  std::unordered_set<Id> told;
  for (const Damage& damage : report_.damaged)
    if (damage.id) told.insert(*damage.id);
  auto settled = [&](const Unplaced& it) {
    if (!in_pass(it.id)) return false;
    auto state = tail_.find(it.id);
    if (state != tail_.end() && (!state->second.values.empty() || state->second.erased_to != 0)) return true;
    if (told.count(it.id) != 0) return true;
    Segment segment;
    segment.number = it.place.segment;
    note(report_.damaged, segment, it.place.offset, it.length, it.id,
         it.file_gone ? "the segment file is missing or too short" : "no readable record");
    return true;
  };
  std::erase_if(unplaced_, settled);
}

Task<Result<std::optional<std::uint64_t>>> Recovery::number_at(Id id, Location location) {
  auto segment = core_.catalog.at(location.ordinal());
  auto header = co_await read_header(core_, segment, id, location);
  if (header.ok()) co_return std::optional<std::uint64_t>(header->number);
  if (!header.is(Code::damaged) && !header.is(Code::io_error)) co_return std::move(header).error();
  co_return std::optional<std::uint64_t>();
}

Task<Status> Recovery::merge_pass() {
  report_.records_held = std::max<std::uint64_t>(report_.records_held, tail_.size());
  for (auto at = tail_.begin(); at != tail_.end();) {
    // Touches that the index tells of, of values that it does not place, are there from the beginning.
    if (!in_pass(at->first)) {
      ++at;
      continue;
    }
    if (!merge_new(at->first, at->second)) CO_RETURN_IF_ERROR(co_await merge(at->first, std::move(at->second)));
    at = tail_.erase(at);
  }
  co_return Status();
}

void Recovery::reserve_for_tail() {
  std::array<std::uint32_t, ValueIndex::kShards> coming{};
  for (auto& [id, state] : tail_)
    if (!state.values.empty()) ++coming[id.bytes[0]];
  for (std::size_t shard = 0; shard < coming.size(); ++shard)
    if (coming[shard] > 1) core_.catalog.index().reserve_more(shard, coming[shard]);
}

// Most are values that were put once; there is nothing to weigh. False: this one is not.
bool Recovery::merge_new(const Id& id, const TailState& state) {
  if (state.values.size() != 1 || state.erased_to != 0 || !state.touches.empty() || core_.catalog.find(id))
    return false;
  core_.catalog.place(id, state.values.front().location);
  return true;
}

// A copy lives when its number, or that of a touch of it, is above all erasures; the newest that lives is the value's.
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
  if (Location indexed = catalog.find(id); indexed && indexed.touched()) {
    const Touch& told = catalog.touches().at(id);
    TailState::TouchSeen& seen = state.touches.emplace_back();
    seen.number = told.number;
    seen.value = place_of(indexed);
    seen.ordinal = told.ordinal;
  }
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
      CO_ASSIGN_OR_RETURN(std::optional<std::uint64_t> written, co_await number_at(id, indexed));
      if (!written && std::max(best_number, number) <= state.erased_to) {
        // Nobody can say whether the erasure meant this copy. It is damaged anyway, and goes into quarantine.
        report_.to_quarantine.emplace_back(id, indexed);
        co_return Status();
      }
      if (!written && number < best_number)
        note(report_.damaged, *catalog.at(indexed.ordinal()), place.offset, indexed.record_bytes(), std::nullopt,
             "header damaged; another copy is there");
      number = std::max(number, written.value_or(0));
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

}  // namespace vortex::wal::values
