#include "wal/log.h"

#include <algorithm>
#include <functional>

#include "base/log.h"
#include "wal/scan.h"
#include "wal/sync_above.h"

namespace vortex::wal {

Log::Log(Env& env, std::string directory, const Options& options)
    : env_(env),
      options_(options),
      segments_(env, std::move(directory), options),
      owners_(segments_),
      committer_(env, segments_, owners_, options),
      writer_(env.loop()),
      helpers_(env.loop()) {}

Log::~Log() { CHECK(writer_.size() == 0 && helpers_.size() == 0); }

Task<Result<std::unique_ptr<Log>>> Log::open(Env& env, std::string directory, Options options) {
  CO_RETURN_IF_ERROR(options.check());
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories(directory));
  CO_ASSIGN_OR_RETURN(Recovered recovered, co_await recover(env, directory, options.direct, false));
  std::unique_ptr<Log> log(new Log(env, directory, options));
  CO_RETURN_IF_ERROR(co_await log->start(std::move(recovered)));
  co_return log;
}

Task<Status> Log::start(Recovered recovered) {
  for (const std::string& name : recovered.leftovers) {
    std::string path = segments_.directory() + "/" + name;
    auto removed = co_await env_.disk().remove(path);
    if (!removed.ok())
      env_.log().warn("wal", "a file that means nothing could not be removed", Field("path", path),
                      Field("error", removed.error()));
  }
  // A killed process may have left names behind that are not durable yet.
  CO_RETURN_IF_ERROR(co_await env_.disk().sync_directory(segments_.directory()));
  segments_.set_next_slot(recovered.next_slot);
  LogEnd end = recovered.end;
  end.remains = recovered.report.torn_tail && recovered.report.torn_tail->segment == end.place.segment();
  if (recovered.fresh) {
    CO_RETURN_IF_ERROR(co_await sync_above(env_.disk(), segments_.directory()));
    CO_RETURN_IF_ERROR(co_await begin_log(recovered.spares));
    end = committer_.end();
  } else {
    for (auto& spare : recovered.spares) {
      if (spare.wipe) CO_RETURN_IF_ERROR(co_await wipe(spare.slot));
    }
    CO_RETURN_IF_ERROR(check_owners(recovered.owners.size()));
    CO_RETURN_IF_ERROR(co_await write_last_again(recovered));
    for (auto& live : recovered.live) segments_.adopt_live(live.id, std::move(live.slot));
    committer_.begin(end);
  }
  const SegmentId newest = segments_.current();
  CO_ASSIGN_OR_RETURN(auto note,
                      co_await NewestNote::open(env_, segments_.directory(), end.log_id, newest, options_.direct));
  segments_.keep_note(std::move(note));
  for (auto& spare : recovered.spares)
    if (spare.slot.file != nullptr) segments_.adopt_spare(std::move(spare.slot));
  for (const auto& [id, state] : recovered.owners) {
    Owner& owner = owners_.find_or_add(id, state.truncated);
    owner.sequence = state.sequence;
    for (const auto& span : state.spans) owners_.wrote(owner, span.last);
  }
  report_ = std::move(recovered.report);
  lost_ends_ = std::move(recovered.lost_ends);
  report_.log_id = end.log_id;
  for (const Damage& damage : report_.damages)
    env_.log().error("wal", "the log is damaged", Field("segment", damage.segment), Field("file", damage.file),
                     Field("offset", damage.offset), Field("length", damage.length), Field("what", damage.what));
  if (segments_.retire(1) || recovered.last_group_had_records) committer_.want_note();

  helpers_.spawn(segments_.keep_spares(std::bind_front(&Committer::spares_changed, &committer_)));
  writer_.spawn(committer_.run());
  co_return Status();
}

// The table of all owners must fit a group.
Status Log::check_owners(std::size_t owners) const {
  if (owners <= options_.owners_max()) return Status();
  std::size_t needed = 4 * (owners * kOwnerEntryBytes + 2 * kGroupHeaderBytes);
  return Error(Code::bad_config, "wal: the log has " + std::to_string(owners) +
                                     " owners, for which group_bytes must be at least " +
                                     std::to_string((needed + kBlock - 1) / kBlock * kBlock));
}

namespace {
// Recovery has found it sound, so that other bytes are a fault of the read.
constexpr int kReadsOfLastGroup = 4;

Task<Status> read_group_whole(File& file, const Recovered& recovered, MutableBytes into) {
  CO_ASSIGN_OR_RETURN(std::size_t got, co_await file.read_at(recovered.last_group.offset(), into));
  GroupHeader header;
  bool same = got == into.size() && decode_group_header(into, header) == HeaderState::valid &&
              header.check == recovered.last_group_check && header.bytes() == into.size();
  Body body;
  if (same) read_group(header, into, body);
  if (!same || !body.intact || !body.padding_clean) co_return Error(Code::damaged, "it is not what was read before");
  co_return Status();
}
}  // namespace

// The last group is the only one not known to be durable. A killed process may have left it in the page cache; and
// where the process ended because its sync failed, the cache holds it for clean and no later sync would write it. So it
// is written once more before owners rely on it. Never bytes that are not those of the group: a read may go wrong.
Task<Status> Log::write_last_again(Recovered& recovered) {
  for (auto& live : recovered.live) {
    if (live.id != recovered.last_group.segment() || live.slot.file == nullptr) continue;
    // Damage that recovery has told of, and nothing to be saved by writing.
    if (!recovered.last_group_sound) co_return co_await live.slot.file->sync();
    Buffer bytes = Buffer::allocate(recovered.last_group_bytes);
    Status read;
    for (int attempt = 0; attempt < kReadsOfLastGroup; ++attempt) {
      read = co_await read_group_whole(*live.slot.file, recovered, bytes.writable());
      if (!read.is(Code::damaged) && !read.is(Code::io_error)) break;
    }
    if (!read.ok()) co_return Error(read.error()).in("wal: the last group in " + live.slot.name);
    ByteView view = bytes;
    CO_RETURN_IF_ERROR(
        co_await live.slot.file->write_durable(recovered.last_group.offset(), std::span<const ByteView>(&view, 1)));
  }
  co_return Status();
}

// The first segment gets a group of its own before anybody can append.
Task<Status> Log::begin_log(std::vector<Recovered::Spare>& spares) {
  Slot slot;
  for (auto& spare : spares) {
    if (spare.wipe) CO_RETURN_IF_ERROR(co_await wipe(spare.slot));
    if (slot.file == nullptr && spare.slot.bytes == options_.segment_bytes) slot = std::move(spare.slot);
  }
  if (slot.file == nullptr) {
    CO_ASSIGN_OR_RETURN(slot, co_await segments_.prepare());
  }
  LogEnd end;
  while (end.log_id == 0) end.log_id = env_.random().next();
  Group group(options_.group_bytes);
  group.start(end.log_id, Lsn(1, 0), true);
  group.add_owner_table(std::vector<OwnerState>());
  GroupHeader header;
  header.sequence = 1;
  header.oldest = 1;
  ByteView bytes = group.seal(header);
  std::span<const ByteView> pieces(&bytes, 1);
  CO_RETURN_IF_ERROR(co_await slot.file->write_durable(0, pieces));
  end.place = Lsn(1, header.bytes());
  end.sequence = 1;
  end.check = header.check;
  segments_.adopt_live(1, std::move(slot));
  committer_.begin(end);
  co_return Status();
}

Task<Status> Log::wipe(Slot& slot) {
  Buffer zeros = Buffer::allocate(kBlock);
  std::memset(zeros.writable().data(), 0, kBlock);
  ByteView bytes = zeros;
  std::span<const ByteView> pieces(&bytes, 1);
  co_return co_await slot.file->write_durable(0, pieces);
}

Task<Status> Log::note(RecordType type, OwnerId owner, Lsn before) {
  Request request;
  request.type = type;
  request.owner = owner;
  request.before = before;
  auto written = co_await committer_.append(request);
  if (!written.ok()) co_return std::move(written).error();
  co_return Status();
}

Task<Status> Log::truncate(OwnerId id, Lsn before) {
  const Owner* owner = owners_.find(id);
  if (owner == nullptr || before <= owner->truncated) co_return committer_.state();
  if (before > end()) co_return Error(Code::invalid_argument, "truncation behind the end of the log");
  co_return co_await note(RecordType::truncate, id, before);
}

Task<Status> Log::drop_owner(OwnerId id) {
  if (owners_.find(id) == nullptr) co_return committer_.state();
  auto dropped = co_await note(RecordType::drop, id, Lsn());
  if (dropped.is(Code::not_found)) co_return Status();
  co_return dropped;
}

Task<Status> Log::close() {
  committer_.close();
  co_await writer_.join();
  Status state = committer_.state();
  co_await stop();
  co_return state;
}

Task<void> Log::stop() {
  co_await writer_.stop();
  co_await helpers_.stop();
  committer_.fail(Error(Code::cancelled, "the log was stopped"));
}

}  // namespace vortex::wal
