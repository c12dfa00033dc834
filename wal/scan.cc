#include "wal/scan.h"

#include <algorithm>

namespace vortex::wal {

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

Task<Result<ByteView>> SegmentReader::at(std::uint64_t offset, std::size_t length) {
  CHECK(offset + length <= bytes_);
  if (offset < window_at_ || offset + length > window_at_ + window_bytes_) {
    std::uint64_t from = offset / kBlock * kBlock;
    std::uint64_t wanted = std::max<std::uint64_t>(kReadWindow, offset - from + length);
    wanted = std::min((wanted + kBlock - 1) / kBlock * kBlock, bytes_ - from);
    CO_RETURN_IF_ERROR(co_await fill(from, static_cast<std::size_t>(wanted)));
  }
  co_return window_.view().subspan(static_cast<std::size_t>(offset - window_at_), length);
}

Task<Status> SegmentReader::fill(std::uint64_t from, std::size_t length) {
  if (window_.size() < length) window_ = Buffer::allocate((length + kBlock - 1) / kBlock * kBlock);
  window_at_ = from;
  window_bytes_ = 0;
  MutableBytes into = window_.writable().first(length);
  auto got = co_await file_.read_at(from, into);
  std::size_t have = 0;
  if (got.ok()) {
    have = *got;
  } else if (!got.is(Code::io_error)) {
    co_return std::move(got).error();
  } else {
    // One bad block must not take its neighbours with it.
    for (; have < length; have += kBlock) {
      std::size_t piece = std::min(kBlock, length - have);
      auto block = co_await file_.read_at(from + have, into.subspan(have, piece));
      if (block.ok()) continue;
      if (!block.is(Code::io_error)) co_return std::move(block).error();
      std::memset(into.data() + have, 0, piece);
      auto place = std::lower_bound(bad_blocks_.begin(), bad_blocks_.end(), from + have);
      if (place == bad_blocks_.end() || *place != from + have) bad_blocks_.insert(place, from + have);
    }
    have = std::min(have, length);
  }
  std::memset(into.data() + have, 0, length - have);
  window_bytes_ = length;
  co_return Status();
}

bool SegmentReader::unreadable(std::uint64_t from, std::uint64_t to) const {
  auto first = std::lower_bound(bad_blocks_.begin(), bad_blocks_.end(), from / kBlock * kBlock);
  return first != bad_blocks_.end() && *first < to;
}

Task<Result<bool>> SegmentWalker::group_at(std::uint64_t offset, GroupHeader& header) {
  CO_ASSIGN_OR_RETURN(ByteView bytes, co_await reader_.at(offset, kGroupHeaderBytes));
  HeaderState state = decode_group_header(bytes, header);
  if (state == HeaderState::unsupported_version && offset == 0)
    co_return Error(Code::unsupported_version, "the log was written by a newer version");
  co_return state == HeaderState::valid&& header.log_id == log_id_&& header.segment == segment_&& header.offset ==
          offset&& offset + header.bytes() <= reader_.bytes() &&
      header.sequence > sequence_;
}

Task<Result<Found>> SegmentWalker::next() {
  Found found;
  found.from = found.to = at_;
  if (at_ + kBlock > reader_.bytes()) co_return found;
  CO_ASSIGN_OR_RETURN(bool here, co_await group_at(at_, found.header));
  if (!here) {
    reader_.forget();
    CO_ASSIGN_OR_RETURN(here, co_await group_at(at_, found.header));
  }
  if (here) {
    found.kind = Found::Kind::group;
    found.to = at_ + found.header.bytes();
    sequence_ = found.header.sequence;
  } else {
    std::uint64_t later = at_ + kBlock;
    for (; later + kBlock <= reader_.bytes(); later += kBlock) {
      CO_ASSIGN_OR_RETURN(here, co_await group_at(later, found.header));
      if (here) break;
    }
    if (!here) co_return found;
    found.kind = Found::Kind::gap;
    found.to = later;
  }
  std::size_t length = static_cast<std::size_t>(found.to - found.from);
  CO_ASSIGN_OR_RETURN(found.bytes, co_await reader_.at(found.from, length));
  at_ = found.to;
  co_return found;
}

Task<Status> SegmentWalker::read_again(Found& found) {
  reader_.forget();
  CO_ASSIGN_OR_RETURN(found.bytes, co_await reader_.at(found.from, static_cast<std::size_t>(found.to - found.from)));
  co_return Status();
}

namespace {
bool add_record(std::uint64_t log_id, Lsn lsn, ByteView rest, Body& body, std::size_t& bytes) {
  auto header = decode_record_header(rest, log_id, lsn);
  if (!header || header->length > rest.size() - kRecordHeaderBytes) return false;
  bytes = record_bytes(header->length);
  if (bytes > rest.size()) return false;
  Piece piece;
  piece.header = *header;
  piece.lsn = lsn;
  piece.end = Lsn(lsn.value + bytes);
  piece.payload = rest.subspan(kRecordHeaderBytes, header->length);
  bool sound = payload_check(piece.payload) == header->payload_check &&
               all_zero(rest.subspan(kRecordHeaderBytes + header->length, bytes - kRecordHeaderBytes - header->length));
  piece.kind = sound ? Piece::Kind::record : Piece::Kind::damaged;
  body.pieces.push_back(piece);
  return true;
}

// `bytes` begin at `at` in the log.
void read_records(std::uint64_t log_id, Lsn at, ByteView bytes, bool lenient_tail, Body& body) {
  std::size_t offset = 0;
  while (offset < bytes.size()) {
    std::size_t used = 0;
    if (add_record(log_id, Lsn(at.value + offset), bytes.subspan(offset), body, used)) {
      offset += used;
      continue;
    }
    std::size_t from = offset;
    do {
      offset = std::min(offset + kRecordAlignment, bytes.size());
    } while (offset < bytes.size() &&
             !decode_record_header(bytes.subspan(offset), log_id, Lsn(at.value + offset)).has_value());
    ByteView unknown = bytes.subspan(from, offset - from);
    if (lenient_tail && offset == bytes.size() && unknown.size() < kBlock && all_zero(unknown)) return;
    Piece piece;
    piece.kind = Piece::Kind::unknown;
    piece.lsn = Lsn(at.value + from);
    piece.end = Lsn(at.value + offset);
    body.pieces.push_back(piece);
  }
}
}  // namespace

void read_group(const GroupHeader& header, ByteView group, Body& body) {
  body.pieces.clear();
  ByteView records = group.subspan(kGroupHeaderBytes, header.body_bytes);
  read_records(header.log_id, Lsn(header.lsn().value + kGroupHeaderBytes), records, false, body);
  std::uint64_t digest = 0;
  bool sound = body.pieces.size() == header.records;
  for (const Piece& piece : body.pieces) {
    if (piece.kind == Piece::Kind::record) {
      auto at = static_cast<std::size_t>(piece.lsn.value - header.lsn().value);
      digest = digest_step(digest, group.subspan(at, kRecordHeaderBytes));
    } else {
      sound = false;
    }
  }
  body.intact = sound && digest == header.digest;
  body.padding_clean = all_zero(group.subspan(kGroupHeaderBytes + header.body_bytes));
}

void read_gap(std::uint64_t log_id, Lsn at, ByteView gap, std::uint64_t groups_max, Body& body) {
  body.pieces.clear();
  body.intact = false;
  body.padding_clean = false;
  read_records(log_id, Lsn(at.value + kGroupHeaderBytes), gap.subspan(kGroupHeaderBytes), true, body);
  if (groups_max == 0) return;
  // Where one ends and the next begins, at a block, there are at least the bytes of its header.
  auto ends_group = [](const Piece& piece) {
    std::uint64_t next = (std::uint64_t(piece.lsn.offset()) + kBlock - 1) / kBlock * kBlock;
    return piece.kind == Piece::Kind::unknown &&
           next + kGroupHeaderBytes <= piece.lsn.offset() + (piece.end.value - piece.lsn.value);
  };
  auto piece = body.pieces.begin();
  for (std::uint64_t groups = 0; piece != body.pieces.end(); ++piece)
    if (ends_group(*piece) && ++groups == groups_max) break;
  // From there on nothing is known, not even whether it belongs to the log.
  body.pieces.erase(piece, body.pieces.end());
}

}  // namespace vortex::wal
