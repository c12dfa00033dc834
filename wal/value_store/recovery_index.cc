// Opening: what the newest sound index checkpoint says.
#include <algorithm>
#include <array>
#include <set>

#include "base/log.h"
#include "wal/value_store/recovery_run.h"

namespace vortex::wal::values {

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
  segment->pinned = described.pinned();
  segment->copied_from = std::set<std::uint32_t>(described.copied_from.begin(), described.copied_from.end());
  return Status();
}

Status Recovery::entries(std::span<const ValueIndex::Entry> entries) {
  // Room at once for those that come together.
  std::array<std::uint32_t, ValueIndex::kShards> coming{};
  for (const ValueIndex::Entry& entry : entries) ++coming[entry.id.bytes[0]];
  for (std::size_t shard = 0; shard < coming.size(); ++shard)
    if (coming[shard] > 1) core_.catalog.index().reserve_more(shard, coming[shard]);
  std::shared_ptr<Segment> segment;  // of the last entry: neighbours are often of one
  std::uint32_t ordinal = 0;
  for (const ValueIndex::Entry& entry : entries) {
    Location location = Location::from_bits(entry.location);
    if (location.length_hint() > kLengthHintMax) return Error(Code::damaged, "index entry of impossible length");
    if (location.ordinal() != ordinal || !segment) {
      ordinal = location.ordinal();
      auto number = number_of_.find(ordinal);
      segment = number == number_of_.end() ? nullptr : core_.catalog.find_segment(number->second);
    }
    if (!segment) {
      if (index_read_ || ordinal == 0) return Error(Code::damaged, "index entry of no segment");
      early_entries_.push_back(entry);
      continue;
    }
    location = Location(segment->ordinal, location.offset(), location.length_hint());
    if (location.offset() >= segment->end) {
      Unplaced& unplaced = unplaced_.emplace_back();
      unplaced.id = entry.id;
      unplaced.place.segment = segment->number;
      unplaced.place.offset = location.offset();
      unplaced.length = location.record_bytes();
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
  if (core_.catalog.find(touch.id)) {
    core_.catalog.set_touch(touch.id, touch.number, *segment);
    return Status();
  }
  // Its value lies in a tail, where it will be met again.
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
  unplaced_.clear();
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
    Status read;
    for (int attempt = 0; attempt < 2; ++attempt) {
      index_read_ = false;
      read = co_await read_checkpoint(**opening, *this);
      if (read.ok()) read = settle_early_items();
      if (!read.is(Code::damaged) && !read.is(Code::io_error)) break;
      forget_index();
    }
    // A newer one is never overwritten or reused, so numbers go on from the highest seen.
    core_.index_number = std::max(core_.index_number, number);
    core_.indexes = index_numbers_;
    if (read.ok()) {
      report_.index_number = number;
      core_.space.index_takes(core_.catalog.checkpoint_bytes());
      co_return Status();
    }
    if (!read.is(Code::damaged) && !read.is(Code::io_error)) co_return read;
    core_.env.log().error(core_.options.name, "index checkpoint damaged; reading the segments instead",
                          Field("path", path), Field("error", read.error()));
    report_.index_damaged = true;
    Damage damage;
    damage.what = index_name(number) + ": " + std::string(read.error().message());
    report_.damaged.push_back(std::move(damage));
  }
  co_return Status();
}

}  // namespace vortex::wal::values
