#include "wal/value_store/scanner.h"

#include "base/endian.h"

namespace vortex::wal::values {

namespace {
constexpr std::uint64_t kReadBlock = 4 * kKiB;
}  // namespace

bool WindowReader::unreadable(std::uint64_t from, std::uint64_t to) const {
  auto first = bad_blocks_.lower_bound(from / kReadBlock * kReadBlock);
  return first != bad_blocks_.end() && *first < to;
}

void WindowReader::readable(std::uint64_t from, std::uint64_t to) {
  if (bad_blocks_.empty()) return;
  bad_blocks_.erase(bad_blocks_.lower_bound(from / kReadBlock * kReadBlock), bad_blocks_.lower_bound(to));
}

Task<Result<std::size_t>> WindowReader::fill(std::uint64_t offset, std::size_t wanted) {
  MutableBytes into = MutableBytes(buffer_).first(wanted);
  auto whole = co_await file_.read_at(offset, into);
  if (whole.ok()) readable(offset, offset + *whole);
  if (whole.ok() || !whole.is(Code::io_error)) co_return whole;
  std::size_t have = 0;
  while (have < wanted) {
    const std::uint64_t at = offset + have, block = at / kReadBlock * kReadBlock;
    const std::size_t piece = static_cast<std::size_t>(std::min<std::uint64_t>(block + kReadBlock - at, wanted - have));
    auto got = co_await file_.read_at(at, into.subspan(have, piece));
    if (got.ok()) {
      readable(at, at + *got);
      have += *got;
      if (*got < piece) break;
      continue;
    }
    if (!got.is(Code::io_error)) co_return std::move(got).error();
    std::memset(into.data() + have, 0, piece);
    bad_blocks_.insert(block);
    have += piece;
  }
  co_return have;
}

Task<Result<ByteView>> WindowReader::at(std::uint64_t offset, std::size_t bytes) {
  if (offset >= end_) co_return ByteView();
  bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, end_ - offset));
  if (offset < begin_ || offset + bytes > begin_ + held_) {
    std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(bytes, window_), end_ - offset));
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    held_ = 0;
    CO_ASSIGN_OR_RETURN(held_, co_await fill(offset, wanted));
    begin_ = offset;
    bytes_read_ += held_;
  }
  co_return ByteView(buffer_).first(held_).subspan(static_cast<std::size_t>(offset - begin_));
}

Task<Result<bool>> SegmentScanner::record_at(std::uint64_t offset, bool may_repair, ScanItem& item) {
  CO_ASSIGN_OR_RETURN(ByteView view, co_await reader_.at(offset, kRecordHeaderBytes));
  std::optional<std::size_t> prefix = record_prefix_bytes(view);
  if (prefix && *prefix > view.size()) {
    CO_ASSIGN_OR_RETURN(view, co_await reader_.at(offset, *prefix));
  }
  std::optional<RecordHeader> header = decode_record(view, seal_);
  item.repaired = false;
  if (!header && may_repair && view.size() >= kRecordHeaderBytes) {
    CO_ASSIGN_OR_RETURN(view, co_await reader_.at(offset, kRecordPrefixBytesMax));
    std::optional<ByteVector> repaired = repair_record(view, seal_);
    if (repaired) header = decode_record(*repaired, seal_);
    item.repaired = header.has_value();
  }
  if (!header) co_return false;
  item.record = header;
  item.offset = offset;
  item.length = std::min(header->record_bytes(), end_ - offset);
  item.cut = item.length < header->record_bytes();
  co_return true;
}

Task<Result<bool>> SegmentScanner::next(ScanItem& item) {
  item = ScanItem();
  if (at_ >= end_) co_return false;
  CO_ASSIGN_OR_RETURN(bool found, co_await record_at(at_, true, item));
  for (int attempt = 1; attempt < kReads && (!found || item.repaired); ++attempt) {
    item = ScanItem();
    reader_.forget();
    CO_ASSIGN_OR_RETURN(found, co_await record_at(at_, true, item));
  }
  if (!found) {
    CO_ASSIGN_OR_RETURN(std::uint64_t next, co_await search(at_ + kRecordAlignment));
    reader_.forget();
    CO_ASSIGN_OR_RETURN(std::uint64_t again, co_await search(at_ + kRecordAlignment));
    item.offset = at_;
    item.length = std::min(next, again) - at_;
  }
  item.unreadable = reader_.unreadable(item.offset, item.offset + item.length);
  at_ = item.offset + item.length;
  co_return true;
}

Task<Result<std::uint64_t>> SegmentScanner::search(std::uint64_t from) {
  ScanItem ignored;
  while (from + kRecordHeaderBytes <= end_) {
    CO_ASSIGN_OR_RETURN(ByteView view, co_await reader_.at(from, kRecordHeaderBytes));
    if (view.size() < kRecordHeaderBytes) break;
    // Only what begins like a record is looked at closely.
    std::size_t skip = 0;
    while (skip + kRecordHeaderBytes <= view.size() && !record_prefix_bytes(view.subspan(skip)))
      skip += kRecordAlignment;
    from += skip;
    if (skip + kRecordHeaderBytes > view.size()) continue;
    CO_ASSIGN_OR_RETURN(bool found, co_await record_at(from, false, ignored));
    if (found) co_return from;
    from += kRecordAlignment;
  }
  co_return end_;
}

Task<Result<ByteView>> SegmentScanner::bytes(const ScanItem& item) {
  CO_ASSIGN_OR_RETURN(ByteView view, co_await reader_.at(item.offset, static_cast<std::size_t>(item.length)));
  co_return view.first(std::min<std::size_t>(view.size(), static_cast<std::size_t>(item.length)));
}

Task<Result<std::optional<ByteView>>> SegmentScanner::sound_value(const ScanItem& item) {
  const RecordHeader& header = *item.record;
  for (int attempt = 0; attempt < kReads; ++attempt) {
    CO_ASSIGN_OR_RETURN(ByteView all, co_await bytes(item));
    if (all.size() >= header.prefix_bytes() + header.length && decode_record(all, seal_) &&
        value_sound(all, all.subspan(header.prefix_bytes(), header.length)))
      co_return std::optional<ByteView>(all);
    reader_.forget();
  }
  co_return std::optional<ByteView>();
}

}  // namespace vortex::wal::values
