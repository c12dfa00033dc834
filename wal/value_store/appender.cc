#include "wal/value_store/appender.h"

#include <limits>

namespace vortex::wal::values {

namespace {
constexpr std::uint8_t kPadding[kRecordAlignment] = {};
// Values up to this size are copied together with their headers, so that a batch has fewer pieces.
constexpr std::size_t kCopyBytes = 1024;
// What a file system takes in one call.
constexpr std::size_t kPiecesMax = 1000;

// The bytes of a batch: headers and small values gathered in one block, large values where they are.
class Layout {
 public:
  Layout(std::span<Append* const> batch, const Segment& segment, ByteVector segment_header) {
    std::size_t gathered = segment_header.size();
    for (const Append* record : batch) gathered += gathered_bytes(*record);
    block_.reserve(gathered);  // the pieces point into it: it must not move
    add_gathered(segment_header);
    for (const Append* record : batch) add(*record, segment);
    CHECK(block_.size() == gathered);
  }
  std::span<const ByteView> pieces() const { return pieces_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  static std::size_t gathered_bytes(const Append& record) {
    std::size_t prefix = record.header.prefix_bytes();
    std::size_t padding = static_cast<std::size_t>(record.header.record_bytes()) - prefix - record.value.size();
    return prefix + padding + (record.value.size() <= kCopyBytes ? record.value.size() : 0);
  }
  void add(const Append& record, const Segment& segment) {
    std::size_t at = block_.size(), prefix = record.header.prefix_bytes();
    block_.resize(at + prefix);
    encode_record(record.header, record.sums, segment.seal, MutableBytes(block_).subspan(at, prefix));
    extend(at, prefix);
    if (record.value.size() <= kCopyBytes) {
      add_gathered(record.value);
    } else {
      pieces_.push_back(record.value);
      bytes_ += record.value.size();
    }
    add_gathered(ByteView(kPadding).first(static_cast<std::size_t>(record.header.record_bytes()) - prefix -
                                          record.value.size()));
  }
  void add_gathered(ByteView bytes) {
    if (bytes.empty()) return;
    std::size_t at = block_.size();
    block_.insert(block_.end(), bytes.begin(), bytes.end());
    extend(at, bytes.size());
  }
  void extend(std::size_t at, std::size_t size) {
    const std::uint8_t* from = block_.data() + at;
    if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == from) {
      pieces_.back() = ByteView(pieces_.back().data(), pieces_.back().size() + size);
    } else {
      pieces_.emplace_back(from, size);
    }
    bytes_ += size;
  }

  ByteVector block_;
  std::vector<ByteView> pieces_;
  std::uint64_t bytes_ = 0;
};
}  // namespace

// --- Lane ---

Task<Status> Lane::open_segment() {
  Books& books = books_;
  if (books.next_segment == std::numeric_limits<std::uint32_t>::max())
    co_return Error(Code::failed, "the numbers of segments are used up");
  auto segment = books.catalog.add_segment(books.next_segment++);
  segment->path = books.path(segment_name(segment->number));
  segment->seal = segment_seal(books.store, segment->number);
  segment->epoch = books.epoch;
  Status created = co_await books.files.create(segment);
  if (!created.ok()) {
    segment->sealed = true;
    books.catalog.remove_segment(segment->number);
    co_return created;
  }
  // The name is durable before anything is in it, so that no number is ever given to two segments: records refer to
  // each other by them.
  Status named = co_await books.env.disk().sync_directory(books.directory);
  if (!named.ok()) {
    segment->sealed = true;
    books.files.close(*segment);
    books.catalog.remove_segment(segment->number);
    books.on_failed_sync(named.error());
    co_return named;
  }
  segment_ = std::move(segment);
  co_return Status();
}

void Lane::seal() {
  seal_wanted_ = writing_;
  if (!segment_ || writing_) return;
  segment_->sealed = true;
  segment_.reset();
}

Task<Status> Lane::take_back(std::shared_ptr<Segment> segment, bool file_is_new) {
  if (file_is_new) {
    Status removed = co_await books_.env.disk().remove(segment->path);
    if (!removed.ok()) co_return removed;
    books_.syncer.named();
    books_.files.close(*segment);
    books_.catalog.remove_segment(segment->number);
    co_return Status();
  }
  Status cut = co_await segment->file->truncate(segment->end);
  if (!cut.ok()) co_return cut;
  books_.syncer.written(segment);
  co_return Status();
}

Task<Status> Lane::write(std::span<Append* const> batch) {
  writing_ = true;
  Status status;
  if (!segment_) status = co_await open_segment();
  bool seal_now = false;
  if (status.ok()) {
    auto segment = segment_;
    status = co_await write_to(segment, batch);
    seal_now = status.ok() ? segment->end >= books_.options.segment_bytes : !status.is(Code::no_space);
    if (segment->end == 0) seal_now = true;  // taken back, file and all
  }
  writing_ = false;
  if (seal_now || seal_wanted_) seal();
  co_return status;
}

Task<Status> Lane::write_to(std::shared_ptr<Segment> segment, std::span<Append* const> batch) {
  const bool first = segment->end == 0;
  ByteVector segment_header;
  if (first) {
    SegmentHeader header;
    header.number = segment->number;
    header.store = books_.store;
    header.epoch = segment->epoch;
    segment_header = encode_segment_header(header);
  }
  const auto durable_to = static_cast<std::uint32_t>(segment->durable / kRecordAlignment);
  for (Append* record : batch) record->header.durable_to = durable_to;
  const std::uint64_t begin = segment->end;
  std::uint64_t at = begin + segment_header.size();
  Layout layout(batch, *segment, std::move(segment_header));
  CHECK(layout.pieces().size() <= kPiecesMax && begin + layout.bytes() <= kSegmentBytesMax);
  auto file = segment->file;
  Status written = co_await file->write_at(begin, layout.pieces());
  if (!written.ok()) {
    Status taken_back = co_await take_back(segment, first);
    if (!taken_back.ok()) books_.on_disagreement(taken_back.error());
    co_return written;
  }
  books_.catalog.grow(*segment, begin + layout.bytes());
  for (Append* record : batch) {
    books_.catalog.apply(record->header, *segment, at);
    at += record->header.record_bytes();
  }
  CHECK(at == segment->end);
  books_.space.wrote(layout.bytes());
  books_.syncer.written(segment);
  books_.tail_records += batch.size();
  books_.tail_bytes += layout.bytes();
  books_.on_tail();
  co_return Status();
}

// --- Appender ---

Appender::Appender(Books& books) : work_(books.env.loop()), group_(books.env.loop()) {
  for (unsigned i = 0; i < std::max(1u, books.options.lanes); ++i) {
    lanes_.push_back(std::make_unique<Lane>(books));
    group_.spawn(run(*lanes_.back()));
  }
}

Task<Status> Appender::append(Append& record) {
  if (stopping_) co_return Code::closed;
  queue_.push_back(&record);
  queued_bytes_ += record.value.size() + kRecordHeaderBytes;
  if (idle_ > 0 && (quick_ == 0 || queued_bytes_ >= kQuickBytes)) work_.notify_one();
  while (!record.outcome) co_await record.parking.park_uncancellable();
  co_return *record.outcome;
}

std::vector<Append*> Appender::take() {
  std::vector<Append*> batch;
  std::size_t bytes = 0;
  while (!queue_.empty() && batch.size() < kBatchRecords) {
    Append* next = queue_.front();
    std::size_t size = next->value.size() + kRecordHeaderBytes;
    if (!batch.empty() && bytes + size > kBatchBytes) break;
    bytes += size;
    batch.push_back(next);
    queue_.pop_front();
  }
  queued_bytes_ -= bytes;
  return batch;
}

Task<void> Appender::run(Lane& lane) {
  while (!stopping_) {
    if (queue_.empty()) {
      ++idle_;
      bool woken = co_await work_.wait();
      --idle_;
      if (!woken) break;
      continue;
    }
    std::vector<Append*> batch = take();
    std::size_t bytes = 0;
    for (const Append* record : batch) bytes += record->value.size();
    const bool quick = bytes < kQuickBytes;
    if (quick) ++quick_;
    if (idle_ > 0 && !queue_.empty()) work_.notify_one();
    Status status = co_await lane.write(batch);
    if (quick) --quick_;
    for (Append* record : batch) {
      record->outcome = status;
      record->parking.wake();
    }
  }
  lane.seal();
}

void Appender::fail_queue() {
  for (Append* record : std::exchange(queue_, {})) {
    record->outcome = Status(Code::closed);
    record->parking.wake();
  }
  queued_bytes_ = 0;
}

Task<void> Appender::stop() {
  stopping_ = true;
  co_await group_.stop();
  fail_queue();
}

void Appender::seal_all() {
  for (auto& lane : lanes_) lane->seal();
}

}  // namespace vortex::wal::values
