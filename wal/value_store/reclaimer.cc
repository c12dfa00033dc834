#include "wal/value_store/reclaimer.h"

#include <algorithm>

#include "base/log.h"
#include "base/metrics.h"

namespace vortex::wal::values {

namespace {
constexpr std::size_t kWindowBytes = kMiB;
// Copied with one write; the records of a batch are locked while it lasts.
constexpr std::size_t kMoveBytes = 512 * kKiB;
constexpr std::size_t kMoveRecords = 128;
// One checkpoint stands for the removal of a whole group.
constexpr std::size_t kGroupMax = 16;
// Segments that restarts left small are merged when there are more of them.
constexpr std::size_t kSmallMax = 32;
// How long reclaiming steps back when clients are at work.
constexpr Duration kStepBack = microseconds(200);
constexpr double kBurstSeconds = 0.05;

double burst_of(double rate) { return std::max(rate * kBurstSeconds, 2.0 * kWindowBytes); }
bool small(const Segment& segment, const ValueStoreOptions& options) { return segment.end < options.segment_bytes / 8; }
}  // namespace

struct Reclaimer::Move {
  explicit Move(Loop& loop) : record(loop) {}
  Append record;
  ByteVector value;
  KeyLock lock;
};

Reclaimer::Reclaimer(StoreCore& core)
    : core_(core),
      lane_(core.books),
      rate_(core.env, core.options.reclaim_bytes_per_second, burst_of(core.options.reclaim_bytes_per_second)) {}

void Reclaimer::set_rate(double bytes_per_second) { rate_.set_rate(bytes_per_second, burst_of(bytes_per_second)); }

bool Reclaimer::eligible(const Segment& segment) const {
  // While a source of its records exists, a deletion would have to outlive both.
  return segment.sealed && !segment.unopened && !(segment.pinned && segment.kept_back) &&
         segment.durable >= segment.end && segment.copied_from.empty();
}

std::vector<std::shared_ptr<Segment>> Reclaimer::choose() const {
  const ValueStoreOptions& options = core_.options;
  const double share = core_.space.short_of_space() ? options.reclaim_dead_share / 2 : options.reclaim_dead_share;
  std::vector<std::shared_ptr<Segment>> worst, little;
  for (auto& segment : core_.catalog.segments()) {
    if (!eligible(*segment)) continue;
    if (segment->empty() || segment->dead_share() >= share) {
      worst.push_back(segment);
    } else if (small(*segment, options)) {
      little.push_back(segment);
    }
  }
  if (little.size() > kSmallMax) worst.insert(worst.end(), little.begin(), little.end());
  std::stable_sort(worst.begin(), worst.end(), [](auto& a, auto& b) { return a->dead_share() > b->dead_share(); });
  // The copies lie beside what they were copied from, and with a new index, until that goes. What does not fit is not
  // begun: half copied it would only take the room that deletions need.
  const std::uint64_t kept = options.reserve_bytes / 8 + core_.catalog.checkpoint_bytes();
  const std::uint64_t room = core_.space.left() - std::min(core_.space.left(), kept);
  std::vector<std::shared_ptr<Segment>> group;
  std::uint64_t live = 0;
  for (auto& segment : worst) {
    if (group.size() >= kGroupMax) break;
    if (segment->live_total() != 0 && live + segment->live_total() > room) continue;
    if (!group.empty() && live + segment->live_total() > options.segment_bytes) continue;
    live += segment->live_total();
    group.push_back(segment);
  }
  return group;
}

bool Reclaimer::wanted() const { return !choose().empty(); }

Task<Result<ReclaimReport>> Reclaimer::step() {
  ReclaimReport report;
  CO_RETURN_IF_ERROR(co_await core_.space.refresh());
  std::vector<std::shared_ptr<Segment>> group = choose();
  if (group.empty()) co_return report;
  std::vector<std::shared_ptr<Segment>> emptied;
  for (auto& segment : group) {
    segment->retiring = true;
    Status status = co_await empty(segment, report);
    segment->retiring = false;
    if (!status.ok() && !status.is(Code::damaged)) {
      lane_.seal();
      co_return std::move(status).error();
    }
    // Tombstones that are still needed have been copied; those left here go with the file.
    if (status.ok() && segment->values == 0 && segment->touches == 0 && !segment->pinned) emptied.push_back(segment);
  }
  lane_.seal();
  if (emptied.empty()) co_return report;
  // The copies first, then an index that names them, then the files.
  CO_RETURN_IF_ERROR(co_await core_.syncer.sync());
  CO_RETURN_IF_ERROR(co_await core_.checkpoint());
  // A file that could not be removed keeps its place here; the others must not wait for it, nor be looked for again.
  std::vector<std::shared_ptr<Segment>> removed;
  Status failed;
  for (auto& segment : emptied) {
    Status status = co_await core_.env.disk().remove(segment->path);
    if (status.ok() || status.is(Code::not_found)) {
      removed.push_back(segment);
    } else {
      failed = status;
    }
  }
  // Only when they can not come back have their tombstones done their work.
  core_.syncer.named();
  CO_RETURN_IF_ERROR(co_await core_.syncer.sync());
  for (auto& segment : removed) forget(*segment, report);
  CO_RETURN_IF_ERROR(co_await core_.space.refresh());
  if (!failed.ok()) co_return failed.error();
  co_return report;
}

Task<Status> Reclaimer::pace(std::uint64_t bytes) {
  if (rate_.rate() != TokenBucket::kUnlimited) co_return co_await rate_.take(static_cast<double>(bytes));
  // Clients first: full speed is for times when nobody asks for anything.
  if (core_.foreground == 0) co_return co_await sleep_for(core_.env, Duration(0));
  co_return co_await sleep_for(core_.env, kStepBack);
}

// Everything that lives in the segment, or is still needed of it, gets a new place.
Task<Status> Reclaimer::empty(std::shared_ptr<Segment> segment, ReclaimReport& report) {
  auto opening = co_await core_.files.open(segment);
  if (!opening.ok()) {
    if (opening.is(Code::cancelled) || opening.is(Code::closed)) co_return std::move(opening).error();
    core_.env.log().error(core_.options.name, "a segment cannot be opened, and is not reclaimed",
                          Field("path", segment->path), Field("error", opening.error()));
    segment->unopened = true;
    co_return Error(Code::damaged, "a segment cannot be opened");
  }
  std::shared_ptr<File> file = std::move(opening).value();
  SegmentScanner scanner(*file, segment->seal, kSegmentHeaderBytes, segment->end, kWindowBytes);
  Moves moves;
  std::size_t bytes = 0;
  std::uint64_t paid = 0;
  bool gaps = false;
  while (segment->pinned || !segment->empty()) {
    ScanItem item;
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    if (!item.record) {
      CO_RETURN_IF_ERROR(co_await flush(moves, report));
      CO_ASSIGN_OR_RETURN(bool damaged, co_await pass_over(segment, scanner, item));
      gaps = gaps || damaged;
      continue;
    }
    auto move = std::make_unique<Move>(core_.env.loop());
    CO_ASSIGN_OR_RETURN(bool needed, co_await still_needed(segment, scanner, item, move->lock, moves, report));
    if (!needed && segment->pinned) {
      CO_ASSIGN_OR_RETURN(needed, co_await pass_over(segment, scanner, item));
      continue;
    }
    if (!needed) continue;
    RecordHeader& header = move->record.header;
    header = *item.record;
    if (header.kind == RecordKind::value) {
      CO_ASSIGN_OR_RETURN(ByteView record, co_await scanner.bytes(item));
      ByteView value = record.subspan(header.prefix_bytes(), header.length);
      move->value = to_vector(value);
      move->record.value = move->value;
      for (std::uint32_t block = 0; block < check_blocks(header.length); ++block)
        move->record.sums.push_back(record_sum(record, block));
      header.number = std::max(header.number, core_.catalog.touch_number(header.id));
      header.old_segment = segment->number;
      header.old_offset = static_cast<std::uint32_t>(item.offset / kRecordAlignment);
    }
    bytes += static_cast<std::size_t>(item.length);
    moves.push_back(std::move(move));
    if (bytes >= kMoveBytes || moves.size() >= kMoveRecords) {
      bytes = 0;
      CO_RETURN_IF_ERROR(co_await flush(moves, report));
    }
    if (scanner.bytes_read() - paid >= kMoveBytes) {
      CO_RETURN_IF_ERROR(co_await flush(moves, report));
      std::uint64_t due = scanner.bytes_read() - paid;
      paid = scanner.bytes_read();
      CO_RETURN_IF_ERROR(co_await pace(due));
    }
  }
  CO_RETURN_IF_ERROR(co_await flush(moves, report));
  if (gaps) CO_RETURN_IF_ERROR(co_await rescue_touches(segment, report));
  // All that was damaged in it is in quarantine.
  if (!segment->kept_back) segment->pinned = false;
  co_return co_await pace(scanner.bytes_read() - paid);
}

// What does not live may be damaged, and is set aside then; an error when it has to stay here. True for a region
// without a record.
Task<Result<bool>> Reclaimer::pass_over(std::shared_ptr<Segment> segment, SegmentScanner& scanner,
                                        const ScanItem& item) {
  bool saved = true;
  if (!item.record) {
    bool torn = std::any_of(segment->torn.begin(), segment->torn.end(), [&](const Gap& gap) {
      return item.offset >= gap.offset && item.offset < gap.offset + gap.length;
    });
    if (torn) co_return false;
    saved = co_await unreadable_region(core_, segment, item.offset, item.length, true);
  } else if (item.record->kind == RecordKind::value) {
    CO_ASSIGN_OR_RETURN(std::optional<ByteView> sound, co_await scanner.sound_value(item));
    if (!sound) saved = co_await save_remains(core_, segment, item.offset, item.length);
  }
  if (!saved) co_return Error(Code::damaged, "the quarantine takes no more");
  co_return !item.record;
}

// Touches whose records cannot be read any more, but of which the index knows, are written anew.
Task<Status> Reclaimer::rescue_touches(std::shared_ptr<Segment> segment, ReclaimReport& report) {
  std::vector<Id> ids;
  for (auto& [id, touch] : core_.catalog.touches())
    if (touch.ordinal == segment->ordinal) ids.push_back(id);
  for (const Id& id : ids) {
    auto move = std::make_unique<Move>(core_.env.loop());
    CO_ASSIGN_OR_RETURN(move->lock, co_await core_.locks.acquire(id));
    auto touch = core_.catalog.touches().find(id);
    Location location = core_.catalog.find(id);
    if (touch == core_.catalog.touches().end() || touch->second.ordinal != segment->ordinal || !location) continue;
    RecordHeader& header = move->record.header;
    header.kind = RecordKind::touch;
    header.id = id;
    header.number = touch->second.number;
    header.old_segment = core_.catalog.at(location.ordinal())->number;
    header.old_offset = static_cast<std::uint32_t>(location.offset() / kRecordAlignment);
    Moves moves;
    moves.push_back(std::move(move));
    CO_RETURN_IF_ERROR(co_await flush(moves, report));
  }
  co_return Status();
}

// Locks the id of the record when the answer is yes.
Task<Result<bool>> Reclaimer::still_needed(std::shared_ptr<Segment> segment, SegmentScanner& scanner,
                                           const ScanItem& item, KeyLock& lock, Moves& moves, ReclaimReport& report) {
  const RecordHeader& header = *item.record;
  Catalog& catalog = core_.catalog;
  if (header.erases()) co_return catalog.debt_stands(*segment, header.old_segment, header.length);
  auto lives = [&] {
    if (header.kind == RecordKind::touch) {
      auto touch = catalog.touches().find(header.id);
      return touch != catalog.touches().end() && touch->second.number == header.number &&
             touch->second.ordinal == segment->ordinal;
    }
    Location location = catalog.find(header.id);
    return location && location.ordinal() == segment->ordinal && location.offset() == item.offset;
  };
  if (!lives()) co_return false;
  if (core_.locks.try_acquire(header.id)) {
    lock = core_.locks.adopt(header.id);
  } else {
    // It may be this batch that holds it: an id can have its value and its touch in one segment.
    CO_RETURN_IF_ERROR(co_await flush(moves, report));
    CO_ASSIGN_OR_RETURN(lock, co_await core_.locks.acquire(header.id));
  }
  if (!lives()) {
    lock.release();
    co_return false;
  }
  if (header.kind == RecordKind::touch) co_return true;
  CO_ASSIGN_OR_RETURN(ByteView bytes, co_await scanner.bytes(item));
  bool sound = !item.repaired && !item.cut && bytes.size() >= header.prefix_bytes() + header.length &&
               value_sound(bytes, bytes.subspan(header.prefix_bytes(), header.length));
  if (sound) co_return true;
  auto damaged = co_await quarantine_if_damaged(core_, header.id, catalog.find(header.id));
  lock.release();
  if (!damaged.ok()) co_return std::move(damaged).error();
  if (!*damaged) co_return Error(Code::io_error, "a read gave wrong bytes once");
  co_return false;
}

Task<Status> Reclaimer::flush(Moves& moves, ReclaimReport& report) {
  if (moves.empty()) co_return Status();
  auto batch = std::exchange(moves, {});
  std::vector<Append*> records;
  for (auto& move : batch) {
    records.push_back(&move->record);
    report.bytes_copied += move->record.header.record_bytes();
  }
  co_return co_await lane_.write(records);
}

void Reclaimer::forget(Segment& segment, ReclaimReport& report) {
  ++report.segments;
  report.bytes_freed += segment.end;
  ++core_.reclaimed_segments;
  core_.reclaimed_bytes += segment.end;
  core_.env.metrics()
      .counter("vortex_values_reclaimed_bytes_total", "Bytes of segments removed by reclaiming", core_.labels())
      .add(segment.end);
  // Who reads from it goes on doing so.
  core_.files.close(segment);
  core_.catalog.remove_segment(segment.number);
}

}  // namespace vortex::wal::values
