// Splitting parts of directories in two and making them one again.
#include <utility>

#include "node/namespace/directory_parts.h"

namespace vortex::node {

namespace {

// Entries that move in one transaction; with their contents they stay well below what a batch may hold.
constexpr std::uint32_t kMoveEntries = 64;
constexpr std::size_t kMoveBytes = 512 * kKiB;
constexpr std::uint32_t kCountPage = 1000;

template <class Marker>
ByteVector marker_of(const Id& directory, Part part, bool moving = false) {
  Marker marker;
  marker.directory = directory;
  marker.part = part;
  if constexpr (std::is_same_v<Marker, PartFork>) marker.moving = moving;
  return encode_record(marker);
}

// Of the record beside the entry that moves with it, or the largest that it can be.
std::size_t content_size(const dht::Record& record) {
  auto entry = decode_entry(record.value);
  if (!entry.ok()) return kInlineMax;
  bool small = entry->inode && entry->inode->small();
  return small ? static_cast<std::size_t>(entry->inode->size) : 0;
}

}  // namespace

Task<Status> DirectoryParts::plan_move(Plan& plan, const dht::Record& record, Id directory, Part part,
                                       Duration timeout) {
  CO_ASSIGN_OR_RETURN(Entry entry, decode_entry(record.value));
  std::string name(as_text(*name_in(record.key, RecordKind::entry)));
  Id to = place_of(directory, part.child(hash_of(name)));
  plan.require_version(record.key, record.version);
  dht::Key target = entry_key(to, name);
  plan.require_absent(target);
  plan.write(std::move(target), record.value);
  plan.erase(record.key);
  if (!entry.inode || !entry.inode->small() || entry.inode->size == 0) co_return Status();
  dht::Key content = key_of(record.key.place, RecordKind::content, entry.id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> bytes, co_await records_.get(content, timeout));
  // Gone: the file was changed, and so the condition on its entry will not hold.
  if (!bytes) co_return Status();
  plan.require_version(content, bytes->version);
  plan.write(key_of(to, RecordKind::content, entry.id.bytes), std::move(bytes->value));
  plan.erase(std::move(content));
  co_return Status();
}

Task<Status> DirectoryParts::move_name(Spot spot, Duration timeout) {
  if (!spot.old_place) co_return Status();
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(spot.old_key(), timeout));
  if (!record) co_return Status();
  Plan plan;
  CO_RETURN_IF_ERROR(co_await plan_move(plan, *record, spot.directory, spot.part.parent(), timeout));
  // Whether this or somebody else's change came first does not matter: whoever asked looks again.
  auto moved = co_await records_.commit(plan.take(), timeout);
  if (!moved.ok() && !moved.is(Code::outcome_unknown)) co_return moved.error();
  co_return Status();
}

Task<Result<bool>> DirectoryParts::move_some(Id directory, Part part, Duration timeout) {
  Id place = place_of(directory, part);
  dht::ScanLimits limits;
  limits.records = kMoveEntries;
  CO_ASSIGN_OR_RETURN(dht::Page page, co_await records_.scan(place, begin_of(RecordKind::entry),
                                                             end_of(RecordKind::entry), limits, timeout));
  if (page.records.empty()) co_return false;
  std::size_t at = 0;
  while (at < page.records.size()) {
    Plan plan;
    std::size_t bytes = 0;
    for (; at < page.records.size() && bytes < kMoveBytes; ++at) {
      CO_RETURN_IF_ERROR(co_await plan_move(plan, page.records[at], directory, part, timeout));
      // Contents come on top of what the scan gave.
      bytes += page.records[at].value.size() + content_size(page.records[at]);
    }
    auto moved = co_await records_.commit(plan.take(), timeout);
    if (!moved.ok() && !moved.is(Code::outcome_unknown)) co_return moved.error();
    // Somebody changed one of them: the next page shows what is left.
    if (!moved.ok() || !moved->done) break;
  }
  co_return true;
}

Task<Status> DirectoryParts::finish_split(Id directory, Part part, Duration timeout) {
  while (true) {
    CO_ASSIGN_OR_RETURN(bool moved, co_await move_some(directory, part, timeout));
    if (moved) continue;
    CO_ASSIGN_OR_RETURN(PartState state, co_await look(directory, part, timeout));
    remember(directory, state);
    if (state.fork == 0 || !state.moving) co_return Status();
    Plan plan;
    dht::Key fork = key_of(state.place, RecordKind::fork);
    plan.require_version(fork, state.fork);
    plan.require_empty(key_of(state.place, RecordKind::entry), end_of(RecordKind::entry));
    plan.write(std::move(fork), marker_of<PartFork>(directory, part, false));
    auto done = co_await records_.commit(plan.take(), timeout);
    if (!done.ok()) co_return done.error();
  }
}

Task<Status> DirectoryParts::split(Id directory, Part part, Duration timeout) {
  CO_ASSIGN_OR_RETURN(PartState state, co_await look(directory, part, timeout));
  remember(directory, state);
  if (state.fork != 0) {
    if (state.moving) co_return co_await finish_split(directory, part, timeout);
    co_return Status();
  }
  if (state.header == 0 || part.depth >= kPartDepthMax) co_return Status();
  Plan plan;
  if (part.depth > 0) {
    CO_ASSIGN_OR_RETURN(PartState above, co_await look(directory, part.parent(), timeout));
    if (above.fork == 0 || above.moving) co_return Status();
    plan.require_version(key_of(above.place, RecordKind::fork), above.fork);
  }
  dht::Key header = key_of(state.place, RecordKind::part), fork = key_of(state.place, RecordKind::fork);
  plan.require_version(header, state.header);
  plan.require_absent(fork);
  plan.erase(std::move(header));
  plan.write(std::move(fork), marker_of<PartFork>(directory, part, true));
  for (int side = 0; side < 2; ++side) {
    Part child = part.child_of(side);
    plan.write(key_of(place_of(directory, child), RecordKind::part), marker_of<PartHeader>(directory, child));
  }
  auto begun = co_await records_.commit(plan.take(), timeout);
  if (!begun.ok()) co_return begun.error();
  if (!begun->done) co_return Status();
  co_return co_await finish_split(directory, part, timeout);
}

Task<Result<bool>> DirectoryParts::too_large(Id place, Duration timeout) {
  std::size_t count = 0;
  ByteVector from = begin_of(RecordKind::entry);
  dht::ScanLimits limits;
  limits.records = kCountPage;
  while (!from.empty() && count <= options_.entries_max) {
    CO_ASSIGN_OR_RETURN(dht::Page page,
                        co_await records_.scan(place, from, end_of(RecordKind::entry), limits, timeout));
    count += page.records.size();
    from = std::move(page.next);
  }
  co_return count > options_.entries_max;
}

Task<Status> DirectoryParts::tend(Id directory, std::string name, Duration timeout) {
  Spot spot = locate(directory, name);
  CO_RETURN_IF_ERROR(co_await relocate(directory, spot.part, timeout));
  spot = locate(directory, name);
  if (spot.old_place) co_return co_await finish_split(directory, spot.part.parent(), timeout);
  CO_ASSIGN_OR_RETURN(bool large, co_await too_large(spot.place, timeout));
  if (!large) co_return Status();
  co_return co_await split(directory, spot.part, timeout);
}

Task<Status> DirectoryParts::collapse(Id directory, Part part, Duration timeout) {
  while (true) {
    CO_ASSIGN_OR_RETURN(PartState state, co_await look(directory, part, timeout));
    remember(directory, state);
    if (state.fork == 0) co_return Status();
    if (state.moving) {
      CO_RETURN_IF_ERROR(co_await finish_split(directory, part, timeout));
      continue;
    }
    Plan plan;
    dht::Key fork = key_of(state.place, RecordKind::fork);
    plan.require_version(fork, state.fork);
    plan.erase(std::move(fork));
    plan.write(key_of(state.place, RecordKind::part), marker_of<PartHeader>(directory, part));
    std::size_t empty[2];
    for (int side = 0; side < 2; ++side) {
      Part child = part.child_of(side);
      CO_RETURN_IF_ERROR(co_await collapse(directory, child, timeout));
      Id place = place_of(directory, child);
      dht::Key header = key_of(place, RecordKind::part);
      plan.require_exists(header);
      empty[side] = plan.require_empty(key_of(place, RecordKind::entry), end_of(RecordKind::entry));
      plan.erase(std::move(header));
      plan.erase(key_of(place, RecordKind::pulse));
    }
    auto done = co_await records_.commit(plan.take(), timeout);
    if (!done.ok()) co_return done.error();
    if (done->done) {
      hints_.erase(directory);
      co_return Status();
    }
    if (done->failed == empty[0] || done->failed == empty[1]) co_return Error(Code::not_empty);
  }
}

}  // namespace vortex::node
