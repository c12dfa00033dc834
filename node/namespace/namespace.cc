#include "node/namespace/namespace.h"

#include "base/finish.h"
#include "base/window.h"

namespace vortex::node {

namespace {

constexpr std::size_t kDetailsAtOnce = 32;

Task<void> complete(Tree& tree, Id directory, Listed listed, std::optional<Result<Inode>>& out, Permit,
                    Duration timeout) {
  auto inode = co_await tree.lookup(directory, std::move(listed.name), timeout);
  out.emplace(std::move(inode));
}

}  // namespace

Task<Result<Inode>> Namespace::stat(Caller caller, std::string path, Follow follow, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Resolved at,
                      co_await resolve(std::move(caller), std::move(path), Permission::read, follow, timeout));
  if (at.root()) co_return co_await tree_.directory(kRootDirectory, timeout);
  CO_ASSIGN_OR_RETURN(Inode inode, co_await tree_.lookup(at.directory, at.name, timeout, std::move(at.slot)));
  if (at.wants_directory && inode.type != FileType::directory) co_return Code::not_directory;
  co_return inode;
}

Task<Result<std::string>> Namespace::readlink(Caller caller, std::string path, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Inode inode, co_await stat(std::move(caller), std::move(path), Follow::no, timeout));
  if (inode.type != FileType::symlink) co_return Error(Code::invalid_argument, "is not a symbolic link");
  co_return std::move(inode.target);
}

Task<Result<SmallFile>> Namespace::read_small(Caller caller, std::string path, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Resolved at,
                      co_await resolve(std::move(caller), std::move(path), Permission::read, Follow::yes, timeout));
  if (at.root()) co_return Code::is_directory;
  CO_ASSIGN_OR_RETURN(SmallFile file, co_await tree_.read_small(at.directory, at.name, timeout, std::move(at.slot)));
  if (at.wants_directory) co_return Code::not_directory;
  co_return file;
}

Task<Result<Listing>> Namespace::list(Caller caller, std::string path, std::string after, std::size_t max,
                                      Duration timeout) {
  CO_ASSIGN_OR_RETURN(Id directory,
                      co_await resolve_directory(std::move(caller), std::move(path), Permission::read, timeout));
  co_return co_await tree_.list(directory, std::move(after), max, timeout);
}

Task<Result<DetailedListing>> Namespace::list_details(Caller caller, std::string path, std::string after,
                                                      std::size_t max, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Id directory,
                      co_await resolve_directory(std::move(caller), std::move(path), Permission::read, timeout));
  CO_ASSIGN_OR_RETURN(Listing listing, co_await tree_.list(directory, std::move(after), max, timeout));
  std::vector<std::optional<Result<Inode>>> inodes(listing.entries.size());
  Loop& loop = tree_.env().loop();
  Window window(loop, kDetailsAtOnce);
  TaskGroup group(loop);
  for (std::size_t i = 0; i < listing.entries.size(); ++i) {
    Listed& listed = listing.entries[i];
    if (listed.entry.inode) {
      inodes[i].emplace(std::move(*listed.entry.inode));
      continue;
    }
    auto permit = co_await window.acquire(1);
    if (!permit.ok()) break;
    group.spawn(complete(tree_, directory, listed, inodes[i], std::move(*permit), timeout));
  }
  co_await finish(group);
  DetailedListing out;
  out.more = listing.more;
  for (std::size_t i = 0; i < listing.entries.size(); ++i) {
    if (!inodes[i]) co_return Code::cancelled;
    // Removed since it was listed.
    if (inodes[i]->is(Code::not_found)) continue;
    if (!inodes[i]->ok()) co_return inodes[i]->error();
    ListedInode entry;
    entry.name = std::move(listing.entries[i].name);
    entry.inode = std::move(**inodes[i]);
    out.entries.push_back(std::move(entry));
  }
  co_return out;
}

Task<Result<FilePolicy>> Namespace::policy(Caller caller, std::string path, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Inode inode, co_await stat(std::move(caller), std::move(path), Follow::yes, timeout));
  if (inode.type != FileType::directory) co_return Code::not_directory;
  co_return inode.policy.value_or(FilePolicy());
}

Task<Result<Inode>> Namespace::put(Caller caller, std::string path, NewContent content, Attributes attributes,
                                   Change change) {
  caller.own(attributes);
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_file(caller, path, Follow::no, change.timeout));
  auto made = co_await tree_.put(at.directory, at.name, content, attributes, change);
  if (!is_link(made, change)) co_return made;
  CO_ASSIGN_OR_RETURN(at, co_await resolve_file(std::move(caller), std::move(path), Follow::yes, change.timeout));
  co_return co_await tree_.put(at.directory, at.name, content, attributes, change);
}

Task<Result<Inode>> Namespace::mkdir(Caller caller, std::string path, Attributes attributes, Change change) {
  caller.own(attributes);
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_name(std::move(caller), std::move(path), change.timeout));
  if (at.root()) co_return Code::exists;
  co_return co_await tree_.mkdir(at.directory, at.name, std::move(attributes), std::move(change));
}

Task<Result<Inode>> Namespace::mkdir_all(Caller caller, std::string path, Attributes attributes, Change change) {
  CO_ASSIGN_OR_RETURN(Path parsed, Path::parse(path));
  if (parsed.root()) co_return co_await stat(std::move(caller), "/", Follow::yes, change.timeout);
  Path upper;
  bool unmade = false;  // somebody else would have to make a directory on the way
  for (std::size_t i = 0; i + 1 < parsed.names.size(); ++i) {
    upper.names.push_back(parsed.names[i]);
    if (!caller.may(Permission::write, upper)) {
      if (!caller.rights || !caller.rights->lead_through(upper.to_string()))
        co_return Error(Code::permission_denied, caller.name + " may not make " + upper.to_string());
      unmade = true;
      continue;
    }
    // Only the last one is the named operation.
    Change each = change;
    each.operation.reset();
    auto made = co_await mkdir(caller, upper.to_string(), attributes, std::move(each));
    if (made.ok()) unmade = false;
    if (made.is(Code::not_found) && unmade)
      co_return Error(Code::permission_denied, caller.name + " may not make what is above " + upper.to_string());
    // What is there may be a link, or no directory: the next step shows.
    if (!made.ok() && !made.is(Code::exists)) co_return made;
  }
  co_return co_await mkdir_last(std::move(caller), std::move(path), std::move(attributes), std::move(change), unmade);
}

// The last one of a row, which may be there: it is shown to who may write it, or read it.
Task<Result<Inode>> Namespace::mkdir_last(Caller caller, std::string path, Attributes attributes, Change change,
                                          bool unmade) {
  CO_ASSIGN_OR_RETURN(Path parsed, Path::parse(path));
  const Permission right = caller.may(Permission::write, parsed) ? Permission::write : Permission::read;
  const Error denied(Code::permission_denied, caller.name + " may not make " + parsed.to_string());
  if (right == Permission::write) {
    auto made = co_await mkdir(caller, path, std::move(attributes), change);
    if (made.is(Code::not_found) && unmade) co_return denied;
    if (!made.is(Code::exists)) co_return made;
  }
  auto found = co_await resolve(std::move(caller), std::move(path), right, Follow::yes, change.timeout);
  if (found.is(Code::not_found) && right == Permission::read) co_return denied;
  if (!found.ok()) co_return found.error();
  if (found->root()) co_return co_await tree_.directory(kRootDirectory, change.timeout);
  auto inode = co_await tree_.lookup(found->directory, found->name, change.timeout, std::move(found->slot));
  if (inode.is(Code::not_found) && right == Permission::read) co_return denied;
  if (inode.ok() && inode->type != FileType::directory) co_return Code::not_directory;
  co_return inode;
}

// A name that ends in a slash, for what is no directory: there, or not to be made so.
Task<Error> Namespace::missing(Resolved at, Duration timeout) {
  auto entry = co_await tree_.entry(at.directory, at.name, timeout);
  if (!entry.ok()) co_return entry.error();
  if (entry->has_value()) co_return Code::exists;
  co_return Code::not_found;
}

Task<Result<Inode>> Namespace::symlink(Caller caller, std::string target, std::string path, Attributes attributes,
                                       Change change) {
  caller.own(attributes);
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_name(std::move(caller), std::move(path), change.timeout));
  if (at.root()) co_return Code::exists;
  if (at.wants_directory) co_return co_await missing(at, change.timeout);
  co_return co_await tree_.symlink(at.directory, at.name, std::move(target), std::move(attributes), std::move(change));
}

Task<Result<Inode>> Namespace::link(Caller caller, std::string path, std::string to, Change change) {
  CO_ASSIGN_OR_RETURN(Resolved from,
                      co_await resolve(caller, std::move(path), Permission::write, Follow::no, change.timeout));
  if (!from.root()) {
    // What is to be linked is looked for before where it is to be.
    CO_ASSIGN_OR_RETURN(std::optional<Entry> entry, co_await tree_.entry(from.directory, from.name, change.timeout));
    if (!entry) co_return Code::not_found;
    if (from.wants_directory && entry->type != FileType::directory) co_return Code::not_directory;
  }
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_name(caller, std::move(to), change.timeout));
  if (at.root()) co_return Code::exists;
  CO_RETURN_IF_ERROR(caller.may_take(from.path, at.path));
  if (at.wants_directory) co_return co_await missing(at, change.timeout);
  if (from.root()) co_return Error(Code::is_directory, "a directory cannot have a second name");
  co_return co_await tree_.link(from.directory, from.name, at.directory, at.name, std::move(change));
}

Task<Result<Inode>> Namespace::set(Caller caller, std::string path, Follow follow, AttributeChange attributes,
                                   Change change) {
  CO_ASSIGN_OR_RETURN(Resolved at,
                      co_await resolve(std::move(caller), std::move(path), Permission::write, follow, change.timeout));
  if (at.root()) co_return co_await tree_.set_directory(kRootDirectory, std::move(attributes), std::move(change));
  if (at.wants_directory) {
    CO_ASSIGN_OR_RETURN(std::optional<Entry> entry, co_await tree_.entry(at.directory, at.name, change.timeout));
    if (!entry) co_return Code::not_found;
    if (entry->type != FileType::directory) co_return Code::not_directory;
  }
  co_return co_await tree_.set(at.directory, at.name, std::move(attributes), std::move(change));
}

Task<Status> Namespace::rename(Caller caller, std::string path, std::string to, RenameOptions options, Change change) {
  CO_ASSIGN_OR_RETURN(Resolved from, co_await resolve_name(caller, std::move(path), change.timeout));
  CO_ASSIGN_OR_RETURN(Resolved at, co_await resolve_name(caller, std::move(to), change.timeout));
  if (from.root() || at.root()) co_return Error(Code::in_use, "the root stays where it is");
  CO_RETURN_IF_ERROR(caller.may_take(from.path, at.path));
  if (from.wants_directory || at.wants_directory) {
    CO_ASSIGN_OR_RETURN(std::optional<Entry> entry, co_await tree_.entry(from.directory, from.name, change.timeout));
    if (!entry) co_return Code::not_found;
    if (entry->type != FileType::directory) co_return Code::not_directory;
  }
  co_return co_await tree_.rename(from.directory, from.name, at.directory, at.name, options, std::move(change));
}

}  // namespace vortex::node
