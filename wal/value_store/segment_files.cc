#include "wal/value_store/segment_files.h"

namespace vortex::wal::values {

Task<Result<std::shared_ptr<File>>> SegmentFiles::open(std::shared_ptr<Segment> segment) {
  if (segment->file) co_return opened(*segment);
  OpenOptions options;
  options.read_only = segment->sealed;
  auto opening = co_await env_.disk().open(segment->path, options);
  if (!opening.ok()) co_return std::move(opening).error();
  // Removed meanwhile: it is read once more, and belongs to nobody's count.
  if (!catalog_.exists(segment->number)) co_return std::shared_ptr<File>(std::move(opening).value());
  if (!segment->file) {  // nobody else was quicker
    make_room();
    segment->file = std::move(opening).value();
    ++open_;
  }
  co_return opened(*segment);
}

Task<Status> SegmentFiles::create(std::shared_ptr<Segment> segment) {
  OpenOptions options;
  options.create = true;
  options.exclusive = true;
  auto opening = co_await env_.disk().open(segment->path, options);
  if (!opening.ok()) co_return std::move(opening).error();
  make_room();
  segment->file = std::move(opening).value();
  ++open_;
  segment->used_at = ++ticks_;
  co_return Status();
}

void SegmentFiles::close(Segment& segment) {
  if (!segment.file) return;
  segment.file.reset();
  --open_;
}

void SegmentFiles::make_room() {
  while (open_ >= open_max_) {
    Segment* oldest = nullptr;
    for (auto& segment : catalog_.segments()) {
      bool closable = segment->file && segment->file.use_count() == 1 && segment->sealed && !segment->dirty &&
                      segment->durable >= segment->end;
      if (closable && (!oldest || segment->used_at < oldest->used_at)) oldest = segment.get();
    }
    if (!oldest) return;
    close(*oldest);
  }
}

}  // namespace vortex::wal::values
