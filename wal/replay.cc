// Giving owners their records back.
#include <algorithm>

#include "wal/log.h"
#include "wal/scan.h"

namespace vortex::wal {

namespace {
class Pin {
 public:
  explicit Pin(Segments& segments) : segments_(segments) { segments_.pin(); }
  ~Pin() { segments_.unpin(); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

 private:
  Segments& segments_;
};
}  // namespace

Task<Status> Log::replay(Replayer& to) { return replay_filtered(std::nullopt, Lsn(), to); }

Task<Status> Log::replay_owner(OwnerId owner, Lsn from, Replayer& to) { return replay_filtered(owner, from, to); }

Task<Status> Log::replay_filtered(std::optional<OwnerId> only, Lsn from, Replayer& to) {
  Pin pin(segments_);
  SegmentReplay what;
  what.only = only;
  what.from = from;
  what.stop = end();
  std::uint64_t last = committer_.end().sequence;
  SegmentId first = std::max(segments_.oldest(), from.segment());
  for (SegmentId id = first; id <= what.stop.segment(); ++id) {
    if (id < segments_.oldest()) {  // truncated meanwhile
      what.sequence = 0;
      continue;
    }
    Slot& slot = segments_.slot(id);
    what.segment = id;
    what.file = slot.file.get();
    what.bytes = slot.bytes;
    if (what.file == nullptr) {
      what.sequence = 0;
    } else {
      CO_RETURN_IF_ERROR(co_await replay_segment(what, to));
    }
  }
  if (what.sequence != 0 && what.sequence != last) co_return damaged_since_start(what, what.stop.offset());
  co_return Status();
}

bool Log::known_damage(SegmentId segment, std::uint64_t from, std::uint64_t end) const {
  return std::any_of(report_.damages.begin(), report_.damages.end(), [=](const Damage& damage) {
    return damage.segment == segment && damage.offset < end && damage.offset + damage.length >= from;
  });
}

Error Log::damaged_since_start(const SegmentReplay& what, std::uint64_t offset) const {
  return Error(Code::damaged, "wal: segment " + std::to_string(what.segment) +
                                  " has been damaged since the start, at " + std::to_string(offset));
}

// What recovery has not told as damage must all be there.
Task<Status> Log::replay_segment(SegmentReplay& what, Replayer& to) {
  SegmentWalker walker(*what.file, what.bytes, report_.log_id, what.segment);
  Body body;
  while (true) {
    CO_ASSIGN_OR_RETURN(Found found, co_await walker.next());
    if (found.kind == Found::Kind::end || Lsn(what.segment, found.from) >= what.stop) break;
    bool known = known_damage(what.segment, found.from, found.to);
    if (found.kind == Found::Kind::group) {
      read_group(found.header, found.bytes, body);
      if (!body.intact && !known) {
        CO_RETURN_IF_ERROR(co_await walker.read_again(found));
        read_group(found.header, found.bytes, body);
      }
      bool follows = what.sequence == 0 || found.header.sequence == what.sequence + 1;
      bool excused = known || (found.from == 0 && known_damage(what.segment - 1, what.group_end, kSegmentBytesMax));
      if ((!body.intact && !known) || (!follows && !excused)) co_return damaged_since_start(what, found.from);
      what.group_end = found.to;
      what.sequence = found.header.sequence;
    } else {
      if (!known) co_return damaged_since_start(what, found.from);
      read_gap(report_.log_id, Lsn(what.segment, found.from), found.bytes, 0, body);
      what.sequence = 0;
    }
    CO_RETURN_IF_ERROR(replay_pieces(what, body, to));
  }
  auto lost = lost_ends_.find(what.segment);
  if (lost == lost_ends_.end()) co_return Status();
  auto [offset, groups] = lost->second;
  auto length = static_cast<std::size_t>(what.bytes - offset);
  CO_ASSIGN_OR_RETURN(ByteView rest, co_await walker.reader().at(offset, length));
  read_gap(report_.log_id, Lsn(what.segment, offset), rest, groups, body);
  what.sequence = 0;
  co_return replay_pieces(what, body, to);
}

Status Log::replay_pieces(const SegmentReplay& what, const Body& body, Replayer& to) const {
  for (const Piece& piece : body.pieces) {
    if (piece.kind != Piece::Kind::record || piece.header.type != RecordType::data || piece.lsn < what.from) continue;
    if (what.only && *what.only != piece.header.owner) continue;
    const Owner* owner = owners_.find(piece.header.owner);
    if (owner == nullptr || piece.lsn < owner->truncated) continue;
    StoredRecord record;
    record.owner = piece.header.owner;
    record.kind = piece.header.kind;
    record.lsn = piece.lsn;
    record.last_of_batch = (piece.header.flags & kFlagLastOfBatch) != 0;
    record.payload = piece.payload;
    RETURN_IF_ERROR(to.record(record));
  }
  return Status();
}

}  // namespace vortex::wal
