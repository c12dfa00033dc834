#include "base/log.h"
#include "wal/value_store/core.h"
#include "wal/value_store/scanner.h"
#include "wal/value_store/unreadable.h"

namespace vortex::wal::values {

namespace {
// What is set aside in one file at most.
constexpr std::uint64_t kRemainsStep = 8 * kMiB;
constexpr std::string_view kRefused = "the disk refuses to read it";

// Copies these bytes, as they are, to a file that says in its name what they were.
Task<Status> set_aside(StoreCore& core, std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t length,
                       std::string suffix) {
  const std::uint64_t bytes = std::min(length, segment->end - offset);
  if (core.quarantine_bytes + bytes > core.options.quarantine_bytes_max)
    co_return Error(Code::no_space, "the quarantine is full");
  CO_RETURN_IF_ERROR(co_await core.space.refresh());
  if (core.space.last().available < bytes + core.options.reserve_bytes / 2)
    co_return Error(Code::no_space, "too little space for the quarantine");
  CO_ASSIGN_OR_RETURN(std::shared_ptr<File> file, co_await core.files.open(segment));
  WindowReader reader(*file, segment->end, static_cast<std::size_t>(bytes));
  CO_ASSIGN_OR_RETURN(ByteView found, co_await reader.at(offset, static_cast<std::size_t>(bytes)));
  ByteVector raw = to_vector(found.first(std::min(found.size(), static_cast<std::size_t>(bytes))));
  const std::string folder = core.books.path("quarantine");
  CO_RETURN_IF_ERROR(co_await core.env.disk().make_directories(folder));
  std::string name = segment_name(segment->number) + "-" + std::to_string(offset) + suffix;
  CO_RETURN_IF_ERROR(co_await replace_file(core.env.disk(), folder + "/" + name, std::move(raw)));
  core.quarantine_bytes += bytes;
  co_return Status();
}

// Reads another file of the store past the page cache, where the file system can.
Task<bool> disk_answers(StoreCore& core) {
  OpenOptions options;
  options.read_only = true;
  options.direct = true;
  auto file = co_await core.env.disk().open(core.books.path("STORE"), options);
  if (!file.ok()) co_return false;
  Buffer block = Buffer::allocate(Buffer::kAlignment);
  auto got = co_await (*file)->read_at(0, block.writable());
  co_return got.ok();
}
}  // namespace

Task<Status> quarantine(StoreCore& core, Id id, Location location, std::string what) {
  auto segment = core.catalog.at(location.ordinal());
  auto before = core.unrecorded.find(id);
  const bool reported = before != core.unrecorded.end() && before->second.location.same_place(location);
  bool kept = reported && before->second.kept;
  if (!kept) {
    Status saved = co_await set_aside(core, segment, location.offset(), location.record_bytes(), "-" + id.hex());
    kept = saved.ok();
  }
  // Where the bytes could not be saved elsewhere they stay where they are.
  if (!kept) segment->pinned = segment->kept_back = true;
  Append note(core.env.loop());
  note.header.kind = RecordKind::quarantine;
  note.header.id = id;
  note.header.form = kept ? 0 : kBytesStay;
  // Whatever number the damaged copy had: no newer one exists while its lock is held.
  note.header.number = core.last_number().packed();
  note.header.old_segment = segment->number;
  note.header.old_offset = static_cast<std::uint32_t>(location.offset() / kRecordAlignment);
  auto header = co_await read_header(core, segment, id, location);
  if (header.ok() && core.catalog.exists(header->old_segment)) note.header.length = header->old_segment;
  Status noted = co_await core.appender->append(note);
  if (noted.ok()) {
    core.unrecorded.erase(id);
    ++core.quarantined;
  } else {
    core.env.log().warn(core.options.name, "a quarantine could not be recorded", Field("value", id),
                        Field("error", noted.error()));
    StoreCore::Unrecorded& left = core.unrecorded[id];
    left.location = location;
    left.kept = kept;
  }
  if (reported) co_return noted;
  Damage damage;
  damage.id = id;
  damage.segment = segment->number;
  damage.offset = location.offset();
  damage.length = location.record_bytes();
  damage.what = std::move(what);
  damage.kept = kept;
  core.report(damage);
  co_return noted;
}

bool unreadable(const Damage& damage) { return damage.what.starts_with(kRefused); }

Task<Result<bool>> quarantine_if_damaged(StoreCore& core, Id id, Location location) {
  auto segment = core.catalog.at(location.ordinal());
  auto again = co_await read_value(core, segment, id, location, 0, kValueBytesMax);
  if (again.ok()) co_return false;
  if (again.is(Code::io_error)) {
    // Is it this place that cannot be read, or the disk?
    bool answers = co_await disk_answers(core);
    if (!answers) co_return false;
    again = co_await read_value(core, segment, id, location, 0, kValueBytesMax);
  }
  if (!again.is(Code::damaged) && !again.is(Code::io_error)) co_return false;
  std::string what(again.error().message());
  if (again.is(Code::io_error)) what = std::string(kRefused) + ": " + what;
  CO_RETURN_IF_ERROR(co_await quarantine(core, id, location, std::move(what)));
  co_return true;
}

Task<void> suspect(StoreCore& core, Id id, Location location) {
  auto lock = co_await core.locks.acquire(id);
  if (!lock.ok()) co_return;
  Location now = core.catalog.find(id);
  if (!now || !now.same_place(location)) co_return;
  auto damaged = co_await quarantine_if_damaged(core, id, now);
  (void)damaged;  // who comes next tries again
}

Task<bool> save_remains(StoreCore& core, std::shared_ptr<Segment> segment, std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t done = 0; done < length; done += kRemainsStep) {
    const std::uint64_t bytes = std::min(kRemainsStep, length - done);
    Status saved = co_await set_aside(core, segment, offset + done, bytes, std::string());
    if (saved.ok()) continue;
    segment->pinned = segment->kept_back = true;
    co_return false;
  }
  co_return true;
}

Task<bool> unreadable_region(StoreCore& core, std::shared_ptr<Segment> segment, std::uint64_t offset,
                             std::uint64_t length, bool save) {
  bool kept = false;
  if (save) kept = co_await save_remains(core, segment, offset, length);
  if (!kept) segment->pinned = true;
  std::vector<std::pair<Id, Location>> inside;
  core.catalog.index().for_each([&](const ValueIndex::Entry& entry) {
    Location location = Location::from_bits(entry.location);
    if (location.ordinal() == segment->ordinal && location.offset() >= offset && location.offset() < offset + length)
      inside.emplace_back(entry.id, location);
  });
  for (auto& [id, location] : inside) co_await suspect(core, id, location);
  if (!inside.empty()) co_return kept;
  Damage damage;
  damage.segment = segment->number;
  damage.offset = offset;
  damage.length = length;
  damage.what = std::string(kRefused) + ": no readable record";
  damage.kept = kept;
  core.report(damage);
  co_return kept;
}

}  // namespace vortex::wal::values
