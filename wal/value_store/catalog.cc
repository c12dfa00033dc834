#include "wal/value_store/catalog.h"

namespace vortex::wal::values {

std::shared_ptr<Segment> Catalog::add_segment(std::uint32_t number) {
  auto segment = std::make_shared<Segment>();
  segment->number = number;
  if (free_ordinals_.empty()) {
    CHECK(segments_.size() <= Location::kOrdinalMax);
    segment->ordinal = static_cast<std::uint32_t>(segments_.size());
    segments_.push_back(segment);
  } else {
    segment->ordinal = free_ordinals_.back();
    free_ordinals_.pop_back();
    segments_[segment->ordinal] = segment;
  }
  CHECK(by_number_.emplace(number, segment->ordinal).second);
  return segment;
}

void Catalog::remove_segment(std::uint32_t number) {
  auto place = by_number_.find(number);
  CHECK(place != by_number_.end());
  Segment& gone = *segments_[place->second];
  CHECK(gone.values == 0 && gone.touches == 0);
  stored_bytes_ -= gone.end;
  (hold_ordinals_ ? held_ordinals_ : free_ordinals_).push_back(gone.ordinal);
  segments_[gone.ordinal].reset();
  by_number_.erase(place);
  for (auto& [other, ordinal] : by_number_) {
    Segment& segment = *segments_[ordinal];
    segment.copied_from.erase(number);
    for (auto debt = segment.debts.begin(); debt != segment.debts.end();) {
      auto [victim, also] = debt->first;
      if (debt_stands(segment, victim, also)) {
        ++debt;
      } else {
        segment.debt_records -= debt->second;
        debt = segment.debts.erase(debt);
      }
    }
  }
}

void Catalog::hold_ordinals(bool held) {
  hold_ordinals_ = held;
  if (held) return;
  free_ordinals_.insert(free_ordinals_.end(), held_ordinals_.begin(), held_ordinals_.end());
  held_ordinals_.clear();
}

std::shared_ptr<Segment> Catalog::find_segment(std::uint32_t number) const {
  auto place = by_number_.find(number);
  return place == by_number_.end() ? nullptr : segments_[place->second];
}

std::vector<std::shared_ptr<Segment>> Catalog::segments() const {
  std::vector<std::shared_ptr<Segment>> list;
  list.reserve(by_number_.size());
  for (auto& [number, ordinal] : by_number_) list.push_back(segments_[ordinal]);
  return list;
}

std::uint64_t Catalog::touch_number(const Id& id) const {
  auto touch = touches_.find(id);
  return touch == touches_.end() ? 0 : touch->second.number;
}

void Catalog::place(const Id& id, Location location) {
  Location was = index_.put(id, location);
  if (was) {
    Segment& old = of(was);
    --old.values;
    old.live_bytes -= was.record_bytes();
    live_bytes_ -= was.record_bytes();
  }
  Segment& segment = of(location);
  ++segment.values;
  segment.live_bytes += location.record_bytes();
  live_bytes_ += location.record_bytes();
}

void Catalog::forget(const Id& id) {
  Location was = index_.erase(id);
  if (!was) return;
  Segment& segment = of(was);
  --segment.values;
  segment.live_bytes -= was.record_bytes();
  live_bytes_ -= was.record_bytes();
  if (was.touched()) drop_touch(id);
}

void Catalog::drop_touch(const Id& id) {
  auto touch = touches_.find(id);
  if (touch == touches_.end()) return;
  Segment& segment = *segments_[touch->second.ordinal];
  --segment.touches;
  segment.live_bytes -= kRecordHeaderBytes;
  touches_.erase(touch);
}

void Catalog::set_touch(const Id& id, std::uint64_t number, Segment& segment) {
  Location location = index_.find(id);
  if (!location) return;
  drop_touch(id);
  touches_[id] = Touch{number, segment.ordinal};
  ++segment.touches;
  segment.live_bytes += kRecordHeaderBytes;
  index_.put(id, location.with_touched(true));
}

void Catalog::add_debt(Segment& segment, std::uint32_t victim, std::uint32_t also, std::uint32_t records) {
  if (!debt_stands(segment, victim, also)) return;
  segment.debts[std::pair(victim, also)] += records;
  segment.debt_records += records;
}

bool Catalog::debt_stands(const Segment& segment, std::uint32_t victim, std::uint32_t also) const {
  auto owes = [&](std::uint32_t number) { return number != 0 && number != segment.number && exists(number); };
  return owes(victim) || owes(also);
}

void Catalog::apply(const RecordHeader& header, Segment& segment, std::uint64_t offset) {
  switch (header.kind) {
    case RecordKind::value: {
      // A moved record carries the newest number, so a touch has said its word.
      if (Location was = index_.find(header.id); was && was.touched()) drop_touch(header.id);
      place(header.id, Location(segment.ordinal, offset, header.length));
      if (header.old_segment != 0 && header.old_segment != segment.number && exists(header.old_segment))
        segment.copied_from.insert(header.old_segment);
      break;
    }
    case RecordKind::touch:
      set_touch(header.id, header.number, segment);
      break;
    case RecordKind::tombstone:
    case RecordKind::quarantine: {
      // A tombstone that was only moved says nothing about copies newer than the one it names.
      Location was = index_.find(header.id);
      if (was && of(was).number == header.old_segment &&
          was.offset() == std::uint64_t(header.old_offset) * kRecordAlignment)
        forget(header.id);
      add_debt(segment, header.old_segment, header.length);
      break;
    }
  }
}

std::uint64_t Catalog::checkpoint_bytes() const {
  constexpr std::uint64_t kTouchBytes = 52, kSegmentBytes = 256, kFrame = 4096;
  return index_.size() * sizeof(ValueIndex::Entry) + touches_.size() * kTouchBytes + by_number_.size() * kSegmentBytes +
         kFrame;
}

void Catalog::grow(Segment& segment, std::uint64_t end) {
  CHECK(end >= segment.end);
  stored_bytes_ += end - segment.end;
  segment.end = end;
}

}  // namespace vortex::wal::values
