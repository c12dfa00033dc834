// The file system's names as people know them: paths, symbolic links, rights. Over Tree, which knows directories by
// their ids.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/namespace/caller.h"
#include "node/namespace/tree.h"

namespace vortex::node {

// A path after all symbolic links on the way.
struct Resolved {
  Path path;         // without symbolic links: rights are checked on this one too
  Id directory;      // the name is in this one
  std::string name;  // empty: the root itself
  bool wants_directory = false;
  std::optional<Slot> slot;  // what the name stood for, where that had to be looked at

  bool root() const { return name.empty(); }
};

enum class Follow : std::uint8_t { no, yes };

struct ListedInode {
  std::string name;
  Inode inode;
};
struct DetailedListing {
  std::vector<ListedInode> entries;
  bool more = false;
};

struct RemovedTree {
  std::uint64_t entries = 0;
  bool done = false;  // otherwise: ask again to go on
};

class Namespace {
 public:
  static constexpr unsigned kLinksFollowedMax = 40;

  explicit Namespace(Tree& tree) : tree_(tree) {}
  Tree& tree() { return tree_; }

  // Where a path leads. The last name need not be there. `permission_denied` unless the caller has the right on the
  // path as he wrote it and on where it leads.
  Task<Result<Resolved>> resolve(Caller caller, std::string path, Permission right, Follow follow, Duration timeout);

  // The same for a file that is to be written.
  Task<Result<Resolved>> resolve_file(Caller caller, std::string path, Follow follow, Duration timeout);

  Task<Result<Inode>> stat(Caller caller, std::string path, Follow follow, Duration timeout);
  Task<Result<std::string>> readlink(Caller caller, std::string path, Duration timeout);
  Task<Result<SmallFile>> read_small(Caller caller, std::string path, Duration timeout);
  Task<Result<Listing>> list(Caller caller, std::string path, std::string after, std::size_t max, Duration timeout);
  Task<Result<DetailedListing>> list_details(Caller caller, std::string path, std::string after, std::size_t max,
                                             Duration timeout);
  // What the files and directories made in this directory take on.
  Task<Result<FilePolicy>> policy(Caller caller, std::string path, Duration timeout);

  Task<Result<Inode>> put(Caller caller, std::string path, NewContent content, Attributes attributes, Change change);
  // Tree::put() of a name that was not looked at before: it is that of a symbolic link, which is to be followed.
  static bool is_link(const Result<Inode>& made, const Change& change) {
    return made.is(Code::exists) && !change.only_if.absent;
  }
  Task<Result<Inode>> mkdir(Caller caller, std::string path, Attributes attributes, Change change);
  // With all that is missing above; one that is there is no error.
  Task<Result<Inode>> mkdir_all(Caller caller, std::string path, Attributes attributes, Change change);
  Task<Result<Inode>> symlink(Caller caller, std::string target, std::string path, Attributes attributes,
                              Change change);
  Task<Result<Inode>> link(Caller caller, std::string path, std::string to, Change change);
  Task<Result<Inode>> set(Caller caller, std::string path, Follow follow, AttributeChange attributes, Change change);
  Task<Status> unlink(Caller caller, std::string path, Change change);
  Task<Status> rmdir(Caller caller, std::string path, Change change);
  Task<Status> rename(Caller caller, std::string path, std::string to, RenameOptions options, Change change);
  // The file, or the directory with all that is in it. Removes about `max` entries; can be gone on with at any time, by
  // anybody. An operation's name stands for the whole removal: when that was done, what has come in its place stays.
  Task<Result<RemovedTree>> remove_tree(Caller caller, std::string path, std::uint64_t max, Change change);

 private:
  struct Walk;
  Task<Status> step(Walk& walk, std::string name, bool last, Follow follow, Duration timeout);
  // For names that are made, moved or removed: a slash at the end is no reason to follow a link.
  Task<Result<Resolved>> resolve_name(Caller caller, std::string path, Duration timeout);
  // The same for the directory that a path names: its id.
  Task<Result<Id>> resolve_directory(Caller caller, std::string path, Permission right, Duration timeout);
  Task<Result<Inode>> mkdir_last(Caller caller, std::string path, Attributes attributes, Change change, bool unmade);
  Task<Error> missing(Resolved at, Duration timeout);
  Task<Status> empty(Id directory, std::uint64_t max, RemovedTree& removed, Duration timeout);
  Task<void> remove_file(Id directory, std::string name, RemovedTree& removed, Status& status, Duration timeout);

  Tree& tree_;
};

}  // namespace vortex::node
