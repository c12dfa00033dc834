#include "wal/newest.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/log.h"

namespace vortex::wal {

namespace {
constexpr std::uint32_t kNoteMagic = 0x574E5756;  // "VWNW"
constexpr std::size_t kNoteCheckAt = 24;
constexpr std::size_t kNoteBytes = 32;

Buffer encode_note(const NewestSegment& note) {
  Buffer block = Buffer::allocate(kBlock);
  std::uint8_t* to = block.writable().data();
  std::memset(to, 0, kBlock);
  store_le(to, kNoteMagic);
  store_le(to + 4, kFormatVersion);
  store_le(to + 8, note.log_id);
  store_le(to + 16, note.segment);
  store_le(to + kNoteCheckAt, xxh3(ByteView(to, kNoteCheckAt)));
  return block;
}

NewestSegment decode_note(ByteView block) {
  NewestSegment note;
  if (block.size() < kNoteBytes || load_le<std::uint32_t>(block.data()) != kNoteMagic) return note;
  if (load_le<std::uint64_t>(block.data() + kNoteCheckAt) != xxh3(block.first(kNoteCheckAt))) return note;
  if (load_le<std::uint16_t>(block.data() + 4) != kFormatVersion) return note;
  note.log_id = load_le<std::uint64_t>(block.data() + 8);
  note.segment = std::min(load_le<std::uint32_t>(block.data() + 16), kSegmentNumberMax);
  return note;
}

std::string path_in(const std::string& directory) { return directory + "/" + std::string(kNewestName); }
}  // namespace

Task<Result<NewestSegment>> read_newest_note(Env& env, std::string directory) {
  NewestSegment newest;
  // Read again where it is not sound: a bit may have flipped on the way.
  for (int attempt = 0; attempt < 2 && !newest.certain; ++attempt) {
    auto bytes = co_await read_file(env.disk(), path_in(directory), 2 * kBlock);
    if (bytes.is(Code::cancelled) || bytes.is(Code::closed)) co_return std::move(bytes).error();
    if (!bytes.ok()) continue;
    std::size_t sound = 0;
    for (std::size_t at = 0; at < bytes->size(); at += kBlock) {
      NewestSegment note = decode_note(ByteView(*bytes).subspan(at));
      sound += note.segment != 0 && (newest.segment == 0 || note.log_id == newest.log_id) ? 1 : 0;
      if (note.segment > newest.segment) newest = note;
    }
    newest.certain = sound == 2;
  }
  co_return newest;
}

Task<Result<std::unique_ptr<NewestNote>>> NewestNote::open(Env& env, std::string directory, std::uint64_t log_id,
                                                           SegmentId newest, bool direct) {
  const std::string path = path_in(directory);
  OpenOptions options;
  options.direct = direct;
  auto file = co_await env.disk().open(path, options);
  std::uint64_t size = 0;
  if (file.ok()) {
    CO_ASSIGN_OR_RETURN(size, co_await (*file)->size());
  }
  if (size != 2 * kBlock) {
    if (!file.ok() && !file.is(Code::not_found)) co_return std::move(file).error();
    Status made = co_await replace_file(env.disk(), path, ByteVector(2 * kBlock));
    if (made.is(Code::no_space)) {
      env.log().warn("wal", "no space to note the newest segment", Field("path", path));
      co_return std::unique_ptr<NewestNote>();
    }
    CO_RETURN_IF_ERROR(made);
    file = co_await env.disk().open(path, options);
    if (!file.ok()) co_return std::move(file).error();
  }
  std::unique_ptr<NewestNote> note(new NewestNote(std::move(file).value(), log_id));
  CO_RETURN_IF_ERROR(co_await note->set(newest));
  CO_RETURN_IF_ERROR(co_await note->set(newest + 1, newest));
  co_return note;
}

// Both blocks are written in turns, in place, so that one survives whatever becomes of the other.
Task<Status> NewestNote::set(SegmentId newest) { return set(newest, newest); }

Task<Status> NewestNote::set(std::uint64_t turn, SegmentId newest) {
  NewestSegment note;
  note.log_id = log_id_;
  note.segment = newest;
  Buffer block = encode_note(note);
  ByteView bytes = block;
  co_return co_await file_->write_durable(turn % 2 * kBlock, std::span<const ByteView>(&bytes, 1));
}

}  // namespace vortex::wal
