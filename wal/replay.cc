// Giving owners their records back.
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
  Lsn stop = end();
  SegmentId first = std::max(segments_.oldest(), from.segment());
  for (SegmentId id = first; id <= stop.segment(); ++id) {
    if (id < segments_.oldest()) continue;  // truncated meanwhile
    Slot& slot = segments_.slot(id);
    if (slot.file == nullptr) continue;
    SegmentReplay what;
    what.segment = id;
    what.file = slot.file.get();
    what.bytes = slot.bytes;
    what.only = only;
    what.from = from;
    what.stop = stop;
    CO_RETURN_IF_ERROR(co_await replay_segment(what, to));
  }
  co_return Status();
}

Task<Status> Log::replay_segment(SegmentReplay what, Replayer& to) {
  SegmentWalker walker(*what.file, what.bytes, report_.log_id, what.segment);
  Body body;
  while (true) {
    CO_ASSIGN_OR_RETURN(Found found, co_await walker.next());
    if (found.kind == Found::Kind::end || Lsn(what.segment, found.from) >= what.stop) break;
    if (found.kind == Found::Kind::group) {
      read_group(found.header, found.bytes, body);
    } else {
      read_gap(report_.log_id, Lsn(what.segment, found.from), found.bytes, 0, body);
    }
    CO_RETURN_IF_ERROR(replay_pieces(what, body, to));
  }
  auto lost = lost_ends_.find(what.segment);
  if (lost == lost_ends_.end()) co_return Status();
  auto [offset, groups] = lost->second;
  auto length = static_cast<std::size_t>(what.bytes - offset);
  CO_ASSIGN_OR_RETURN(ByteView rest, co_await walker.reader().at(offset, length));
  read_gap(report_.log_id, Lsn(what.segment, offset), rest, groups, body);
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
