#include "wal/recovery.h"

#include <algorithm>
#include <limits>

#include "wal/newest.h"
#include "wal/scan.h"

namespace vortex::wal {

namespace {

// A file, and which segment it holds as far as that can be told.
struct Candidate {
  Slot slot;
  SegmentId segment = 0;    // 0: none
  bool unreadable = false;  // its first block
  bool first_block_zero = true;
  bool zero_behind = true;  // all blocks but the first one
  bool discard = false;     // it cannot be read, and all that counts is elsewhere
  bool foreign = false;     // its blocks claim to belong to different logs, and nothing tells to which it does
  std::uint64_t log_id = 0;
};

// More groups than missing segments could have held.
constexpr std::uint64_t kLostGroups = std::uint64_t(1) << 40;

Status note_unsupported(const Slot& slot) {
  return Error(Code::unsupported_version, slot.name + " was written by a newer version of this program");
}

// The log that the first block belongs to; 0 where it is no group's.
Task<Result<std::uint64_t>> log_of(Candidate& file) {
  if (file.slot.bytes < kBlock) co_return 0;
  SegmentReader reader(*file.slot.file, kBlock);
  CO_ASSIGN_OR_RETURN(ByteView block, co_await reader.at(0, kBlock));
  GroupHeader header;
  bool valid = decode_group_header(block, header) == HeaderState::valid && header.offset == 0;
  co_return valid ? header.log_id : 0;
}

// The first block says it; where that is damaged, the highest segment that any block claims to belong to. What stands
// behind the first block may be part of a record and made to look like a group, so that it counts only when it names
// the log that the first blocks of the slots belong to. Where no slot has one left, all must agree (`log_id` is 0).
Task<Status> identify(Candidate& file, std::uint64_t log_id) {
  file.segment = 0;
  SegmentReader reader(*file.slot.file, file.slot.bytes);
  for (std::uint64_t at = 0; at + kBlock <= file.slot.bytes; at += kBlock) {
    CO_ASSIGN_OR_RETURN(ByteView block, co_await reader.at(at, kBlock));
    GroupHeader header;
    HeaderState state = decode_group_header(block, header);
    // What decides much is read again before it is believed.
    if (state != HeaderState::valid && (at == 0 || file.zero_behind) && !all_zero(block)) {
      reader.forget();
      CO_ASSIGN_OR_RETURN(block, co_await reader.at(at, kBlock));
      state = decode_group_header(block, header);
    }
    // Only at the beginning can nobody but a log have written it; elsewhere it may be part of somebody's record.
    if (at == 0 && state == HeaderState::unsupported_version) co_return note_unsupported(file.slot);
    bool valid = state == HeaderState::valid && header.offset == at;
    if (at == 0) {
      file.unreadable = reader.unreadable(0, kBlock);
      file.first_block_zero = all_zero(block) && !reader.unreadable(0, kBlock);
    } else if (file.zero_behind && !all_zero(block)) {
      file.zero_behind = false;
    }
    if (!valid) continue;
    if (at == 0) {
      file.segment = header.segment;
      file.log_id = header.log_id;
      break;
    }
    if (log_id != 0 && header.log_id != log_id) continue;
    file.foreign = file.foreign || (file.segment != 0 && header.log_id != file.log_id);
    if (header.segment < file.segment) continue;
    file.segment = header.segment;
    file.log_id = header.log_id;
  }
  co_return Status();
}

// What the newest segment says about all of them.
struct Newest {
  SegmentId oldest = 0;
  std::uint64_t synced = 0;
};

class Recovery {
 public:
  Recovery(Env& env, std::string directory, bool direct, bool read_only)
      : env_(env), directory_(std::move(directory)), direct_(direct), read_only_(read_only) {}

  Task<Result<Recovered>> run() {
    CO_RETURN_IF_ERROR(co_await list());
    std::uint64_t log_id = 0;
    for (Candidate& file : files_) {
      CO_ASSIGN_OR_RETURN(std::uint64_t one, co_await log_of(file));
      if (log_id == 0) log_id = one;
    }
    for (Candidate& file : files_) CO_RETURN_IF_ERROR(co_await identify(file, log_id));
    CO_RETURN_IF_ERROR(arrange());
    CO_ASSIGN_OR_RETURN(noted_, co_await read_newest_note(env_, directory_));
    // That of a log which was here before is nothing to go by.
    if (log_id_ != 0 && noted_.log_id != log_id_) noted_.segment = 0;
    if (!by_segment_.empty()) CO_RETURN_IF_ERROR(co_await read_newest());
    CO_RETURN_IF_ERROR(check_readable());
    if (by_segment_.empty()) co_return begin_fresh();
    SegmentId last = by_segment_.rbegin()->first;
    if (std::max(last, noted_.segment) - newest_.oldest > kSegmentSpanMax)
      co_return Error(Code::damaged, "wal: " + directory_ + " has segments from " + std::to_string(newest_.oldest) +
                                         " to " + std::to_string(std::max(last, noted_.segment)) +
                                         ", which is impossible");
    for (SegmentId id = newest_.oldest; id <= last && !cut_; ++id) CO_RETURN_IF_ERROR(co_await read_segment(id));
    if (!have_group_) co_return begin_fresh();
    if (noted_.segment > last) CO_RETURN_IF_ERROR(co_await miss_newest(last));
    co_return finish();
  }

 private:
  Task<Status> list();
  Status arrange();
  Task<Status> read_newest();
  bool all_found() const;
  Status check_readable();
  Task<Status> read_segment(SegmentId id);
  Task<Status> miss_newest(SegmentId last);
  Task<Status> read_groups(SegmentId id, Candidate& file);
  void take_group(const Found& found, const std::string& file);
  void damage_pieces(const Body& body, const std::string& file);
  void damage(SegmentId segment, std::string file, std::uint64_t offset, std::uint64_t length, std::string what);
  Task<Status> missing_groups(const GroupHeader& next);
  Result<Recovered> begin_fresh();
  Result<Recovered> finish();
  void sort_files(SegmentId last);

  Env& env_;
  const std::string directory_;
  const bool direct_;
  const bool read_only_;
  std::vector<Candidate> files_;
  std::map<SegmentId, std::size_t> by_segment_;
  Newest newest_;
  NewestSegment noted_;
  std::uint64_t log_id_ = 0;
  OwnerAudit audit_;
  Recovered out_;
  Body body_;

  bool have_group_ = false;
  bool after_damage_ = false;  // the next group need not follow the last one
  bool cut_ = false;
  GroupHeader last_;
  bool last_sound_ = false;
};

Task<Status> Recovery::list() {
  CO_ASSIGN_OR_RETURN(auto entries, co_await env_.disk().list(directory_));
  for (const DirectoryEntry& entry : entries) {
    if (entry.directory) continue;
    auto number = slot_number(entry.name);
    if (!number) {
      if (entry.name.ends_with(kUnfinishedSuffix)) out_.leftovers.push_back(entry.name);
      continue;
    }
    out_.next_slot = std::max(out_.next_slot, *number + 1);
    Candidate file;
    file.slot.name = entry.name;
    OpenOptions how;
    how.direct = direct_;
    how.read_only = read_only_;
    std::string path = directory_ + "/" + entry.name;
    CO_ASSIGN_OR_RETURN(file.slot.file, co_await env_.disk().open(path, how));
    CO_ASSIGN_OR_RETURN(std::uint64_t size, co_await file.slot.file->size());
    file.slot.bytes = std::min<std::uint64_t>(size, kSegmentBytesMax) / kBlock * kBlock;
    files_.push_back(std::move(file));
  }
  co_return Status();
}

Status Recovery::arrange() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const Candidate& file = files_[i];
    if (file.segment == 0) continue;
    if (log_id_ == 0) log_id_ = file.log_id;
    if (file.log_id != log_id_ || file.foreign)
      return Error(Code::damaged,
                   "wal: " + directory_ + " holds segments of two different logs, one in " + file.slot.name);
    if (auto [at, added] = by_segment_.emplace(file.segment, i); !added)
      return Error(Code::damaged, "wal: " + file.slot.name + " and " + files_[at->second].slot.name +
                                      " both claim to be segment " + std::to_string(file.segment));
  }
  return Status();
}

Task<Status> Recovery::read_newest() {
  while (newest_.oldest == 0 && !by_segment_.empty()) {
    auto [id, index] = *by_segment_.rbegin();
    Candidate& file = files_[index];
    SegmentWalker walker(*file.slot.file, file.slot.bytes, log_id_, id);
    while (true) {
      CO_ASSIGN_OR_RETURN(Found found, co_await walker.next());
      if (found.kind == Found::Kind::end) break;
      if (found.kind == Found::Kind::gap) continue;
      newest_.oldest = std::max(newest_.oldest, found.header.oldest);
      newest_.synced = std::max(newest_.synced, found.header.synced);
    }
    if (newest_.oldest == 0 && walker.reader().unreadable(0, file.slot.bytes))
      co_return Error(Code::io_error, "wal: " + file.slot.name + " cannot be read");
    // It claims a segment and holds no group of it, so it tells nothing and is a spare.
    if (newest_.oldest == 0) by_segment_.erase(id);
  }
  // Another one was begun behind it, so that all of it was durable.
  if (!by_segment_.empty() && noted_.segment > by_segment_.rbegin()->first)
    newest_.synced = std::numeric_limits<std::uint64_t>::max();
  co_return Status();
}

// Each segment from the oldest needed to the newest that anybody was told of is in some file.
bool Recovery::all_found() const {
  if (by_segment_.empty() || newest_.oldest == 0 || !noted_.certain) return false;
  const SegmentId last = by_segment_.rbegin()->first;
  auto found = static_cast<std::uint64_t>(std::distance(by_segment_.lower_bound(newest_.oldest), by_segment_.end()));
  return noted_.segment == last && found == std::uint64_t(last) - newest_.oldest + 1;
}

// What is newest may be in a file of which nobody knows what it holds; but not when all of it lies elsewhere.
Status Recovery::check_readable() {
  for (Candidate& file : files_) {
    if (!file.unreadable || (file.segment != 0 && file.segment >= newest_.oldest)) continue;
    if (!all_found())
      return Error(Code::io_error, "wal: " + file.slot.name + " cannot be read, and may hold what is needed");
    file.discard = true;
  }
  return Status();
}

void Recovery::damage(SegmentId segment, std::string file, std::uint64_t offset, std::uint64_t length,
                      std::string what) {
  Damage damage;
  damage.segment = segment;
  damage.file = std::move(file);
  damage.offset = offset;
  damage.length = length;
  damage.what = std::move(what);
  out_.report.damages.push_back(std::move(damage));
}

Task<Status> Recovery::read_segment(SegmentId id) {
  auto at = by_segment_.find(id);
  if (at != by_segment_.end()) co_return co_await read_groups(id, files_[at->second]);
  damage(id, std::string(), 0, 0, "the segment is missing");
  audit_.unknown(Lsn(id, 0), Lsn(id + 1, 0));
  after_damage_ = true;
  Recovered::LiveSlot live;
  live.id = id;
  out_.live.push_back(std::move(live));
  co_return Status();
}

// The newest segments are gone; the log goes on behind them, so that no place in it is ever given twice.
Task<Status> Recovery::miss_newest(SegmentId last) {
  audit_.unknown(Lsn(last_.segment, last_.offset + last_.bytes()), Lsn(last + 1, 0));
  for (SegmentId id = last + 1; id <= noted_.segment; ++id) CO_RETURN_IF_ERROR(co_await read_segment(id));
  out_.end.place = Lsn(noted_.segment + 1, 0);
  out_.end.sequence = last_.sequence + kLostGroups;
  out_.end.check = 0;
  co_return Status();
}

// Between the last group and this one some are gone without a trace: at the end of the segment before.
Task<Status> Recovery::missing_groups(const GroupHeader& next) {
  Lsn from(last_.segment, last_.offset + last_.bytes());
  std::string name;
  bool recognised = false;
  for (auto& live : out_.live) {
    if (live.id != from.segment() || live.slot.file == nullptr) continue;
    name = live.slot.name;
    if (from.offset() + kBlock > live.slot.bytes || next.segment == live.id || next.sequence <= last_.sequence)
      continue;
    LostEnd lost;
    lost.offset = from.offset();
    lost.groups = next.sequence - last_.sequence - 1;
    SegmentReader reader(*live.slot.file, live.slot.bytes);
    auto length = static_cast<std::size_t>(live.slot.bytes - lost.offset);
    damage(live.id, name, lost.offset, length, "groups at the end of the segment are missing");
    CO_ASSIGN_OR_RETURN(ByteView bytes, co_await reader.at(lost.offset, length));
    Body rest;
    read_gap(log_id_, from, bytes, lost.groups, rest);
    damage_pieces(rest, name);
    Lsn behind = rest.pieces.empty() ? from : rest.pieces.back().end;
    audit_.unknown(behind, Lsn(next.segment, next.offset));
    out_.lost_ends[live.id] = lost;
    recognised = true;
  }
  if (recognised) co_return Status();
  damage(from.segment(), name, from.offset(), 0, "groups are missing");
  audit_.unknown(from, next.lsn());
  co_return Status();
}

Task<Status> Recovery::read_groups(SegmentId id, Candidate& file) {
  SegmentSummary summary;
  summary.segment = id;
  summary.file = file.slot.name;
  summary.bytes = file.slot.bytes;
  SegmentWalker walker(*file.slot.file, file.slot.bytes, log_id_, id);
  while (!cut_) {
    CO_ASSIGN_OR_RETURN(Found found, co_await walker.next());
    if (found.kind == Found::Kind::end) {
      // A disk that cannot read its last blocks must not be taken for a log that ends there.
      if (id == by_segment_.rbegin()->first && walker.reader().unreadable(found.from, found.from + kBlock))
        co_return Error(Code::io_error, "wal: " + file.slot.name + " cannot be read at " + std::to_string(found.from));
      break;
    }
    std::uint64_t sequence = last_.sequence + 1;
    if (found.kind == Found::Kind::gap) {
      read_gap(log_id_, Lsn(id, found.from), found.bytes, 0, body_);
      damage(id, file.slot.name, found.from, found.to - found.from, "no group where one must be");
      damage_pieces(body_, file.slot.name);
      after_damage_ = true;
      continue;
    }
    const GroupHeader& header = found.header;
    bool follows = !have_group_ || after_damage_ || (header.sequence == sequence && header.previous == last_.check);
    read_group(header, found.bytes, body_);
    if (!body_.intact || !body_.padding_clean) {
      CO_RETURN_IF_ERROR(co_await walker.read_again(found));
      read_group(header, found.bytes, body_);
    }
    if ((!body_.intact || !body_.padding_clean || !follows) && header.sequence > newest_.synced) {
      if (walker.reader().unreadable(found.from, found.to))
        co_return Error(Code::io_error, "wal: " + file.slot.name + " cannot be read at " + std::to_string(found.from));
      TornTail torn;
      torn.segment = id;
      torn.offset = found.from;
      torn.bytes = header.bytes();
      out_.report.torn_tail = torn;
      // What is missing before it was durable, so the log goes on in its place, behind the damage.
      if (have_group_ && header.sequence > sequence) {
        if (!after_damage_) CO_RETURN_IF_ERROR(co_await missing_groups(header));
        out_.end.place = header.lsn();
        out_.end.sequence = header.sequence - 1;
        out_.end.check = header.previous;
      }
      cut_ = true;
      break;
    }
    if (!follows) {
      CO_RETURN_IF_ERROR(co_await missing_groups(header));
      read_group(header, found.bytes, body_);
    }
    take_group(found, file.slot.name);
    if (summary.groups++ == 0) summary.first_sequence = header.sequence;
    summary.last_sequence = header.sequence;
    summary.records += header.records;
    summary.used = found.to;
  }
  if (summary.groups == 0 && cut_ && out_.end.place <= Lsn(id, 0)) co_return Status();
  out_.report.segments.push_back(summary);
  Recovered::LiveSlot live;
  live.id = id;
  live.slot = std::move(file.slot);
  out_.live.push_back(std::move(live));
  co_return Status();
}

void Recovery::take_group(const Found& found, const std::string& file) {
  if (!body_.intact) {
    std::size_t bad = out_.report.damages.size();
    damage_pieces(body_, file);
    if (out_.report.damages.size() == bad)
      damage(found.header.segment, file, found.from, found.to - found.from, "the records are not those written");
  } else {
    for (const Piece& piece : body_.pieces) audit_.record(piece.header, piece.lsn, piece.payload);
  }
  if (!body_.padding_clean) {
    std::uint64_t end = found.from + kGroupHeaderBytes + found.header.body_bytes;
    damage(found.header.segment, file, end, found.to - end, "the padding behind a group is not zero");
  }
  have_group_ = true;
  last_sound_ = body_.intact && body_.padding_clean;
  after_damage_ = false;
  last_ = found.header;
}

void Recovery::damage_pieces(const Body& body, const std::string& file) {
  for (const Piece& piece : body.pieces) {
    SegmentId segment = piece.lsn.segment();
    std::uint64_t offset = piece.lsn.offset(), length = piece.end.value - piece.lsn.value;
    switch (piece.kind) {
      case Piece::Kind::record:
        audit_.record(piece.header, piece.lsn, piece.payload);
        break;
      case Piece::Kind::damaged:
        damage(segment, file, offset, length,
               "a record of owner " + std::to_string(piece.header.owner) + " is damaged");
        audit_.damaged(piece.header, piece.lsn, piece.end);
        break;
      case Piece::Kind::unknown:
        damage(segment, file, offset, length, "records cannot be recognised");
        audit_.unknown(piece.lsn, piece.end);
        break;
    }
  }
}

Result<Recovered> Recovery::begin_fresh() {
  // Where a log was begun but not finished, one first block may be torn and all the rest is zeros.
  if (newest_.synced > 0 || noted_.segment > 0)
    return Error(Code::damaged, "wal: no group in " + directory_ + " can be read, and there were some");
  for (const Candidate& file : files_)
    if (!file.zero_behind)
      return Error(Code::damaged,
                   "wal: " + file.slot.name + " is not empty, and no group in " + directory_ + " can be read");
  out_.fresh = true;
  sort_files(0);
  return std::move(out_);
}

// Whatever is not in use is a spare, if it can be read.
void Recovery::sort_files(SegmentId last) {
  for (Candidate& file : files_) {
    if (file.slot.file == nullptr) continue;
    if (file.discard) {
      out_.leftovers.push_back(file.slot.name);
      continue;
    }
    Recovered::Spare spare;
    bool next = out_.end.place.offset() == 0 && file.segment == last && last > 0;
    spare.wipe = (file.segment > last) || (file.segment == 0 && !file.first_block_zero);
    out_.report.spares.push_back(file.slot.name);
    spare.slot = std::move(file.slot);
    out_.spares.insert(next ? out_.spares.begin() : out_.spares.end(), std::move(spare));
  }
}

Result<Recovered> Recovery::finish() {
  if (out_.end.place == Lsn()) {
    out_.end.place = Lsn(last_.segment, last_.offset + last_.bytes());
    out_.end.sequence = last_.sequence;
    out_.end.check = last_.check;
  }
  while (out_.live.back().id > out_.end.place.segment()) {
    // It claims a segment yet to come, for which another slot may be taken.
    Recovered::Spare spare;
    spare.slot = std::move(out_.live.back().slot);
    spare.wipe = true;
    out_.live.pop_back();
    if (spare.slot.file == nullptr) continue;
    std::erase_if(out_.report.segments, [&](const SegmentSummary& it) { return it.file == spare.slot.name; });
    out_.report.spares.push_back(spare.slot.name);
    out_.spares.push_back(std::move(spare));
  }
  auto verdict = audit_.finish();
  out_.owners = audit_.owners();
  out_.report.owners = out_.owners.size();
  out_.report.hurt = std::move(verdict.hurt);
  out_.report.names_complete = verdict.names_complete;
  out_.report.log_id = log_id_;
  out_.end.log_id = log_id_;
  out_.last_group_had_records = last_.records > 0;
  out_.last_group = Lsn(last_.segment, last_.offset);
  out_.last_group_bytes = last_.bytes();
  out_.last_group_check = last_.check;
  out_.last_group_sound = last_sound_;
  out_.report.end = out_.end.place;
  out_.report.last_sequence = out_.end.sequence;
  sort_files(out_.end.place.segment());
  return std::move(out_);
}

}  // namespace

Task<Result<Recovered>> recover(Env& env, std::string directory, bool direct, bool read_only) {
  Recovery recovery(env, std::move(directory), direct, read_only);
  co_return co_await recovery.run();
}

}  // namespace vortex::wal
