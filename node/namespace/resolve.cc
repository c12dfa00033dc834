// From paths to directories and names.
#include <deque>

#include "node/namespace/namespace.h"

namespace vortex::node {

// The directories on the way, root first, and what is still to be walked.
struct Namespace::Walk {
  struct Directory {
    Id id;
    std::string name;
  };
  std::vector<Directory> directories;
  std::deque<std::string> todo;
  unsigned links = 0;
  bool wants_directory = false;
  std::optional<std::string> last;  // in the last directory: what the path names, when it is no directory we entered
  std::optional<Slot> slot;         // what stands at the end, where it was looked at

  void go_to_root() {
    Directory root;
    root.id = kRootDirectory;
    directories.assign(1, root);
  }
  void enter(const Id& id, std::string name) {
    Directory directory;
    directory.id = id;
    directory.name = std::move(name);
    directories.push_back(std::move(directory));
  }
  Resolved resolved() const {
    Resolved out;
    out.wants_directory = wants_directory;
    out.slot = slot;
    for (std::size_t i = 1; i < directories.size(); ++i) out.path.names.push_back(directories[i].name);
    if (last) {
      out.path.names.push_back(*last);
      out.directory = directories.back().id;
      out.name = *last;
    } else if (directories.size() > 1) {
      out.directory = directories[directories.size() - 2].id;
      out.name = directories.back().name;
    } else {
      out.directory = kRootDirectory;
    }
    return out;
  }
};

Task<Status> Namespace::step(Walk& walk, std::string name, bool last, Follow follow, Duration timeout) {
  walk.slot.reset();
  if (name == "..") {
    if (walk.directories.size() > 1) walk.directories.pop_back();
    co_return Status();
  }
  // "link/" is what the link leads to.
  if (last && follow == Follow::no && !walk.wants_directory) {
    walk.last = std::move(name);
    co_return Status();
  }
  CO_ASSIGN_OR_RETURN(Slot slot, co_await tree_.slot(walk.directories.back().id, name, timeout));
  const Entry& entry = slot.entry;
  if (slot.there() && entry.type == FileType::directory) {
    walk.enter(entry.id, std::move(name));
    walk.slot = std::move(slot);
    co_return Status();
  }
  bool link = slot.there() && entry.type == FileType::symlink;
  if (!link) {
    if (!last && !slot.there()) co_return Code::not_found;
    if (!last) co_return Code::not_directory;
    walk.last = std::move(name);
    walk.slot = std::move(slot);
    co_return Status();
  }
  if (++walk.links > kLinksFollowedMax) co_return Error(Code::invalid_path, "too many symbolic links");
  std::string text;
  if (entry.inode) {
    text = entry.inode->target;
  } else {
    CO_ASSIGN_OR_RETURN(Inode inode, co_await tree_.lookup(walk.directories.back().id, name, timeout));
    text = inode.target;
  }
  CO_ASSIGN_OR_RETURN(LinkTarget target, LinkTarget::parse(text));
  if (target.absolute) walk.go_to_root();
  if (last) walk.wants_directory = walk.wants_directory || target.directory;
  walk.todo.insert(walk.todo.begin(), target.names.begin(), target.names.end());
  co_return Status();
}

Task<Result<Resolved>> Namespace::resolve(Caller caller, std::string text, Permission right, Follow follow,
                                          Duration timeout) {
  CO_ASSIGN_OR_RETURN(Path path, Path::parse(text));
  Error denied(Code::permission_denied, caller.name + " may not do this to " + path.to_string());
  if (!caller.may(right, path)) co_return denied;
  Walk walk;
  walk.go_to_root();
  walk.todo.assign(path.names.begin(), path.names.end());
  walk.wants_directory = path.directory;
  while (!walk.todo.empty()) {
    std::string name = std::move(walk.todo.front());
    walk.todo.pop_front();
    bool last = walk.todo.empty();
    CO_RETURN_IF_ERROR(co_await step(walk, std::move(name), last, follow, timeout));
  }
  Resolved resolved = walk.resolved();
  if (!caller.may(right, resolved.path)) co_return denied;
  co_return resolved;
}

Task<Result<Resolved>> Namespace::resolve_name(Caller caller, std::string path, Duration timeout) {
  bool slash = path.size() > 1 && path.ends_with('/');
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  CO_ASSIGN_OR_RETURN(Resolved resolved,
                      co_await resolve(std::move(caller), std::move(path), Permission::write, Follow::no, timeout));
  resolved.wants_directory = slash;
  co_return resolved;
}

Task<Result<Resolved>> Namespace::resolve_file(Caller caller, std::string path, Follow follow, Duration timeout) {
  Resolved at;
  if (path.ends_with('/') || follow == Follow::no) {
    CO_ASSIGN_OR_RETURN(at, co_await resolve_name(std::move(caller), std::move(path), timeout));
  } else {
    CO_ASSIGN_OR_RETURN(at,
                        co_await resolve(std::move(caller), std::move(path), Permission::write, Follow::yes, timeout));
  }
  if (at.root() || at.wants_directory) co_return Code::is_directory;
  co_return at;
}

Task<Result<Id>> Namespace::resolve_directory(Caller caller, std::string path, Permission right, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Resolved resolved,
                      co_await resolve(std::move(caller), std::move(path), right, Follow::yes, timeout));
  if (resolved.root()) co_return kRootDirectory;
  if (!resolved.slot) {
    CO_ASSIGN_OR_RETURN(resolved.slot, co_await tree_.slot(resolved.directory, resolved.name, timeout));
  }
  if (!resolved.slot->there()) co_return Code::not_found;
  if (resolved.slot->entry.type != FileType::directory) co_return Code::not_directory;
  co_return resolved.slot->entry.id;
}

}  // namespace vortex::node
