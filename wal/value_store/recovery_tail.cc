// Opening: the segments, as far as the index does not cover them.
#include <algorithm>
#include <array>

#include "wal/value_store/recovery_run.h"

namespace vortex::wal::values {

namespace {
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
  // Values whose bytes went with a file, or with a part of one.
  std::vector<std::pair<Id, Location>> lost;
  core_.catalog.index().for_each([&](const ValueIndex::Entry& entry) {
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
  // A file that is gone without costing a value was reclaimed after the checkpoint.
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
  std::size_t records = 0;
  for (;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    ++records;
    if (item.record) range.durable = std::max(range.durable, std::uint64_t(item.record->durable_to) * kRecordAlignment);
  }
  tail_.reserve(tail_.size() + records);
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
  // A copy number is of no later start than ours, whatever became of the files that say so.
  epoch_seen_ = std::max(epoch_seen_, CopyNumber::unpack(header.number).epoch);
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
                            [&, value = id](const Damage& damage) { return damage.id == value; });
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

}  // namespace vortex::wal::values
