// Moving names, with POSIX's rules.
#include "node/files/path.h"
#include "node/namespace/repeat.h"

namespace vortex::node {

namespace {
constexpr unsigned kDepthMax = 10'000;
}  // namespace

// Is the directory `ancestor` itself or below it? As of now: whoever relies on it holds the lock record's version.
Task<Result<bool>> Tree::is_below(Id directory, Id ancestor, Effort& effort) {
  for (unsigned depth = 0; depth < kDepthMax; ++depth) {
    if (directory == ancestor) co_return true;
    if (directory == kRootDirectory) co_return false;
    CO_ASSIGN_OR_RETURN(directory, co_await parent(directory, left(effort)));
  }
  co_return Error(Code::damaged, "a directory is not below the root");
}

Task<Status> Tree::check_rename(Slot from, Slot to, RenameOptions options, Effort& effort) {
  bool directory = from.entry.kind == EntryKind::directory;
  if (options.no_replace && to.there()) co_return Code::exists;
  if (directory && from.spot.directory != to.spot.directory) {
    CO_ASSIGN_OR_RETURN(bool below, co_await is_below(to.spot.directory, from.entry.id, effort));
    if (below) co_return Error(Code::invalid_argument, "a directory cannot be moved into itself");
  }
  if (!to.there()) co_return Status();
  bool onto_directory = to.entry.kind == EntryKind::directory;
  if (onto_directory && !directory) {
    CO_ASSIGN_OR_RETURN(bool above, co_await is_below(from.spot.directory, to.entry.id, effort));
    if (above) co_return Code::not_empty;
    co_return Code::is_directory;
  }
  if (directory && !onto_directory) co_return Code::not_directory;
  if (onto_directory) co_return co_await parts_.collapse(to.entry.id, Part(), left(effort));
  co_return Status();
}

Task<Status> Tree::plan_directory_move(NamePlan& plan, Id directory, Id to_parent, Effort& effort) {
  CO_ASSIGN_OR_RETURN(Holding holding, co_await hold_directory(directory, effort));
  DirectoryHeader header;
  header.id = directory;
  header.parent = to_parent;
  header.version = holding.inode.version;
  header.attributes = std::move(holding.inode.attributes);
  header.policy = std::move(holding.inode.policy);
  plan.require_version(holding.key, holding.version);
  plan.write(holding.key, encode_record(header));
  co_return Status();
}

Task<Status> Tree::plan_file_move(NamePlan& plan, Slot from, Spot to, Effort& effort) {
  Inode& inode = *from.entry.inode;
  inode.attributes.changed = wall_now();
  plan.write(to.key(), encode_record(from.entry));
  if (from.spot.place == to.place || !inode.small() || inode.size == 0) co_return Status();
  dht::Key key = key_of(from.spot.place, RecordKind::content, inode.id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> content, co_await records_.get(key, left(effort)));
  if (!content) co_return Error(Code::stale, "the file was changed meanwhile");
  plan.require_version(key, content->version);
  plan.erase(std::move(key));
  plan.write(key_of(to.place, RecordKind::content, inode.id.bytes), std::move(content->value));
  co_return Status();
}

Task<Tree::Attempt> Tree::try_rename(Id directory, std::string name, const Change& change, Effort& effort,
                                     const Id& to_directory, const std::string& to_name, const RenameOptions& options) {
  dht::Key lock_key = key_of(moves_place(), RecordKind::header);
  CO_ASSIGN_OR_RETURN(Slot from, co_await find_to_change(directory, name, effort));
  CO_ASSIGN_OR_RETURN(Slot to, co_await find_to_change(to_directory, to_name, effort));
  if (!from.there()) co_return Code::not_found;
  Inode result;
  result.id = from.entry.id;
  bool same_name = directory == to_directory && name == to_name;
  if (same_name && options.no_replace) co_return Code::exists;
  if (same_name || (to.there() && to.entry.id == from.entry.id && !options.no_replace)) co_return result;
  bool moves_directory = from.entry.kind == EntryKind::directory && directory != to_directory;
  // Before looking who is above whom: if that changes, so does the lock.
  dht::Version lock = 0;
  if (moves_directory) {
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> locked, co_await records_.get(lock_key, left(effort)));
    if (locked) lock = locked->version;
  }
  Status allowed = co_await check_rename(from, to, options, effort);
  // A directory on the way up is gone: it was moved or removed, and so were the names that we looked at.
  if (allowed.is(Code::not_found)) co_return std::nullopt;
  CO_RETURN_IF_ERROR(std::move(allowed));

  FileTime now = wall_now();
  NamePlan plan;
  Status planned;
  plan.require_version(from.spot.key(), from.version);
  plan.in_part(to.spot);
  if (to.there()) {
    Precondition none;
    planned = co_await plan_removal(plan, to, none, effort);
  } else {
    plan.name_free(to.spot);
  }
  std::size_t empty = plan.empty_condition();
  if (planned.ok() && from.entry.kind == EntryKind::inode) {
    planned = co_await plan_file_move(plan, from, to.spot, effort);
  } else if (planned.ok()) {
    plan.write(to.spot.key(), encode_record(from.entry));
    if (moves_directory) planned = co_await plan_directory_move(plan, from.entry.id, to_directory, effort);
  }
  if (planned.is(Code::stale)) co_return std::nullopt;
  CO_RETURN_IF_ERROR(std::move(planned));
  plan.erase(from.spot.key());
  if (moves_directory) {
    MoveLock record;
    record.at = now;
    record.directory = from.entry.id;
    plan.require_version(lock_key, lock);
    plan.write(lock_key, encode_record(record));
  }
  plan.pulse(from.spot, now);
  plan.pulse(to.spot, now);
  plan.operation(from.spot, change, from.entry.id, 0, now);
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::again && tried.failed == empty) co_return Code::not_empty;
  if (tried.end == Tried::End::again) co_return std::nullopt;
  entry_made(to.spot);
  co_return result;
}

Task<Status> Tree::rename(Id directory, std::string name, Id to_directory, std::string to_name, RenameOptions options,
                          Change change) {
  CO_RETURN_IF_ERROR(check_name(name));
  CO_RETURN_IF_ERROR(check_name(to_name));
  auto moved = co_await repeat(directory, std::move(name), std::move(change), &Tree::try_rename, to_directory,
                               std::move(to_name), options);
  if (!moved.ok()) co_return moved.error();
  co_return Status();
}

}  // namespace vortex::node
