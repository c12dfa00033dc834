// Removing by path: files, directories, and directories with everything in them.
#include <algorithm>

#include "base/finish.h"
#include "base/window.h"
#include "node/namespace/namespace.h"

namespace vortex::node {

namespace {
constexpr std::size_t kRemovePage = 256;
constexpr std::size_t kRemoveAtOnce = 32;
}  // namespace

Task<Status> Namespace::unlink(Caller caller, std::string path, Change change) {
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_name(std::move(caller), std::move(path), change.timeout));
  if (at.root()) co_return Code::is_directory;
  if (at.wants_directory) {
    CO_ASSIGN_OR_RETURN(std::optional<Entry> entry, co_await tree_.entry(at.directory, at.name, change.timeout));
    if (!entry) co_return Code::not_found;
    if (entry->type != FileType::directory) co_return Code::not_directory;
  }
  co_return co_await tree_.unlink(at.directory, at.name, std::move(change));
}

Task<Status> Namespace::rmdir(Caller caller, std::string path, Change change) {
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_name(std::move(caller), std::move(path), change.timeout));
  if (at.root()) co_return Error(Code::in_use, "the root stays where it is");
  co_return co_await tree_.rmdir(at.directory, at.name, std::move(change));
}

Task<void> Namespace::remove_file(Id directory, std::string name, RemovedTree& removed, Status& status,
                                  Duration timeout) {
  Change change;
  change.timeout = timeout;
  Status gone = co_await tree_.unlink(directory, std::move(name), std::move(change));
  if (gone.ok()) ++removed.entries;
  // Somebody else removed it, or it is a directory by now: the next look will show.
  bool fine = gone.ok() || gone.is(Code::not_found) || gone.is(Code::is_directory);
  if (!fine && status.ok()) status = std::move(gone);
}

// Takes away what is in the directory, as far as `max` goes.
Task<Status> Namespace::empty(Id directory, std::uint64_t max, RemovedTree& removed, Duration timeout) {
  std::string after;
  while (removed.entries < max) {
    std::size_t page = std::min<std::uint64_t>(kRemovePage, max - removed.entries);
    auto listing = co_await tree_.list(directory, after, page, timeout);
    if (listing.is(Code::not_found)) co_return Status();
    if (!listing.ok()) co_return listing.error();
    Status failed;
    {
      Window window(tree_.env().loop(), kRemoveAtOnce);
      TaskGroup group(tree_.env().loop());
      for (Listed& listed : listing->entries) {
        if (listed.entry.kind == EntryKind::directory) continue;
        auto permit = co_await window.acquire(1);
        if (!permit.ok()) break;
        auto body = [](Namespace& self, Id in, std::string name, RemovedTree& count, Status& status, Duration limit,
                       Permit) -> Task<void> { co_await self.remove_file(in, std::move(name), count, status, limit); };
        group.spawn(body(*this, directory, listed.name, removed, failed, timeout, std::move(*permit)));
      }
      co_await finish(group);
    }
    CO_RETURN_IF_ERROR(std::move(failed));
    for (Listed& listed : listing->entries) {
      if (listed.entry.kind != EntryKind::directory) continue;
      CO_RETURN_IF_ERROR(co_await empty(listed.entry.id, max, removed, timeout));
      if (removed.entries >= max) co_return Status();
      Change change;
      change.timeout = timeout;
      Status gone = co_await tree_.rmdir(directory, listed.name, std::move(change));
      if (gone.ok()) ++removed.entries;
      bool fine = gone.ok() || gone.is(Code::not_found) || gone.is(Code::not_empty) || gone.is(Code::not_directory);
      if (!fine) co_return gone;
    }
    if (!listing->more) co_return Status();
    after = listing->entries.back().name;
  }
  co_return Status();
}

Task<Result<RemovedTree>> Namespace::remove_tree(Caller caller, std::string path, std::uint64_t max, Change change) {
  const Duration timeout = change.timeout;
  CO_ASSIGN_OR_RETURN(Resolved at,
                      co_await resolve(std::move(caller), std::move(path), Permission::write, Follow::no, timeout));
  if (at.root()) co_return Error(Code::in_use, "the root stays where it is");
  RemovedTree removed;
  if (change.again) {
    CO_ASSIGN_OR_RETURN(removed.done, co_await tree_.was_executed(at.directory, at.name, change));
    if (removed.done) co_return removed;
  }
  while (removed.entries < max) {
    CO_ASSIGN_OR_RETURN(std::optional<Entry> entry, co_await tree_.entry(at.directory, at.name, timeout));
    if (!entry && removed.entries == 0) co_return Code::not_found;
    Status gone;
    if (entry && entry->kind == EntryKind::directory) {
      CO_RETURN_IF_ERROR(co_await empty(entry->id, max, removed, timeout));
      if (removed.entries >= max) break;
      gone = co_await tree_.rmdir(at.directory, at.name, change);
    } else if (entry) {
      gone = co_await tree_.unlink(at.directory, at.name, change);
    }
    // Something was made in it meanwhile, or in its place.
    bool changed = gone.is(Code::not_empty) || gone.is(Code::is_directory) || gone.is(Code::not_directory);
    if (changed) continue;
    if (!gone.ok() && !gone.is(Code::not_found)) co_return gone.error();
    if (entry && gone.ok()) ++removed.entries;
    removed.done = true;
    break;
  }
  co_return removed;
}

}  // namespace vortex::node
