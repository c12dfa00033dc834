#include "wal/value_store/scrubber.h"

#include <algorithm>

#include "base/token_bucket.h"
#include "wal/value_store/scanner.h"

namespace vortex::wal::values {

namespace {
constexpr std::size_t kWindowBytes = kMiB;

class Scrub {
 public:
  Scrub(StoreCore& core, ScrubOptions options)
      : core_(core),
        options_(std::move(options)),
        rate_(core.env, options_.bytes_per_second, std::max(options_.bytes_per_second * 0.1, 2.0 * kWindowBytes)) {}

  Task<Result<ScrubReport>> run() {
    const std::uint64_t damages = core_.damages;
    std::uint32_t next = options_.from.segment;
    for (;;) {
      std::shared_ptr<Segment> segment = first_from(next);
      if (!segment) break;
      std::uint64_t begin = segment->number == options_.from.segment ? options_.from.offset : 0;
      CO_RETURN_IF_ERROR(co_await read_segment(segment, std::max<std::uint64_t>(begin, kSegmentHeaderBytes)));
      ++report_.segments;
      next = segment->number + 1;
    }
    report_.damaged = core_.damages - damages;
    co_return report_;
  }

 private:
  std::shared_ptr<Segment> first_from(std::uint32_t number) const {
    for (auto& segment : core_.catalog.segments())
      if (segment->number >= number && segment->durable > kSegmentHeaderBytes) return segment;
    return nullptr;
  }
  Task<Status> read_segment(std::shared_ptr<Segment> segment, std::uint64_t begin);
  Task<Status> look_at(std::shared_ptr<Segment> segment, SegmentScanner& scanner, const ScanItem& item);
  Task<bool> still_unreadable(std::shared_ptr<Segment> segment, std::shared_ptr<File> file, ScanItem item);

  StoreCore& core_;
  ScrubOptions options_;
  TokenBucket rate_;
  ScrubReport report_;
};

Task<Status> Scrub::read_segment(std::shared_ptr<Segment> segment, std::uint64_t begin) {
  auto opening = co_await core_.files.open(segment);
  // Reclaimed in the meantime.
  if (opening.is(Code::not_found)) co_return Status();
  if (!opening.ok()) co_return std::move(opening).error();
  std::shared_ptr<File> file = std::move(opening).value();
  SegmentScanner scanner(*file, segment->seal, begin, segment->durable, kWindowBytes);
  std::uint64_t paid = 0;
  ScanItem item;
  for (;;) {
    CO_ASSIGN_OR_RETURN(bool more, co_await scanner.next(item));
    if (!more) break;
    if (item.record) {
      CO_RETURN_IF_ERROR(co_await look_at(segment, scanner, item));
    } else {
      bool unreadable = co_await still_unreadable(segment, file, item);
      if (!unreadable) continue;
      bool saved = co_await unreadable_region(core_, segment, item.offset, item.length, false);
      static_cast<void>(saved);
    }
    if (std::uint64_t due = scanner.bytes_read() - paid; due >= kWindowBytes) {
      paid += due;
      if (options_.on_position) {
        ScrubPosition position;
        position.segment = segment->number;
        position.offset = scanner.position();
        options_.on_position(position);
      }
      CO_RETURN_IF_ERROR(co_await rate_.take(static_cast<double>(due)));
    }
  }
  report_.bytes += scanner.bytes_read();
  co_return co_await rate_.take(static_cast<double>(scanner.bytes_read() - paid));
}

Task<Status> Scrub::look_at(std::shared_ptr<Segment> segment, SegmentScanner& scanner, const ScanItem& item) {
  const RecordHeader header = *item.record;
  if (header.kind != RecordKind::value) co_return Status();
  Location location = core_.catalog.find(header.id);
  if (!location || location.ordinal() != segment->ordinal || location.offset() != item.offset) co_return Status();
  CO_ASSIGN_OR_RETURN(ByteView bytes, co_await scanner.bytes(item));
  ++report_.values;
  const bool whole = !item.repaired && bytes.size() >= header.prefix_bytes() + header.length;
  ByteView value = whole ? bytes.subspan(header.prefix_bytes(), header.length) : ByteView();
  if (!whole || !value_sound(bytes, value)) {
    co_await suspect(core_, header.id, location);
    co_return Status();
  }
  if (!options_.check) co_return Status();
  auto work = [this, &header, value] { return options_.check(header.id, header.form, value); };
  bool right = co_await core_.env.pool().run(work);
  if (right) co_return Status();
  CO_ASSIGN_OR_RETURN(KeyLock lock, co_await core_.locks.acquire(header.id));
  Location now = core_.catalog.find(header.id);
  if (!now || !now.same_place(location)) co_return Status();
  Status set_aside = co_await quarantine(core_, header.id, now, "not what its id names");
  (void)set_aside;  // reported all the same
  co_return Status();
}

Task<bool> Scrub::still_unreadable(std::shared_ptr<Segment> segment, std::shared_ptr<File> file, ScanItem item) {
  for (const Gap& gap : segment->torn)
    if (item.offset >= gap.offset && item.offset < gap.offset + gap.length) co_return false;
  SegmentScanner again(*file, segment->seal, item.offset, item.offset + item.length, kWindowBytes);
  ScanItem second;
  auto more = co_await again.next(second);
  co_return more.ok() && !second.record;
}
}  // namespace

Task<Result<ScrubReport>> scrub(StoreCore& core, ScrubOptions options) {
  Scrub run(core, std::move(options));
  co_return co_await run.run();
}

}  // namespace vortex::wal::values
