// The tree of names over linearizable records, by directory ids and single names. Paths and callers are above
// (namespace.h), chunks beside (node/files/).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/task_group.h"
#include "dht/records.h"
#include "node/files/upload.h"
#include "node/namespace/directory_parts.h"
#include "node/namespace/spot.h"

namespace vortex::node {

struct TreeOptions {
  PartOptions parts;
  TreeOptions() {}
};

// What a file is to contain. The ETag is believed: whoever makes a small one says of().
struct NewContent {
  std::uint64_t size = 0;
  chunker::Etag etag{};
  // The bytes of a small file, or a manifest and the upload that references its chunks.
  ByteVector small;
  std::optional<chunker::Manifest> manifest;
  std::optional<UploadName> upload;
  // An edit: chunks of the old content stay in use, by the references they have. Only with the old one's ETag as a
  // precondition.
  bool keeps_uploads = false;

  NewContent() {}
  static NewContent of(ByteVector bytes);
  static NewContent of(ByteView bytes) { return of(to_vector(bytes)); }
};

struct Listed {
  std::string name;
  Entry entry;
};
struct Listing {
  std::vector<Listed> entries;  // by name
  bool more = false;            // go on behind the last name
};

struct RenameOptions {
  bool no_replace = false;
  RenameOptions() {}
};

struct SmallFile {
  Inode inode;
  ByteVector bytes;
};

// Every method is linearizable, and tries again inside when others change the same names. One that failed has changed
// nothing; `outcome_unknown` says that this is not known. Errors are those of POSIX's calls, by our names.
class Tree {
 public:
  Tree(Env& env, dht::Records& records, TreeOptions options = TreeOptions());
  // Ends what goes on in the background. Before it goes.
  Task<void> stop();

  // Makes the root; nothing when it is there.
  Task<Status> create_root(Attributes attributes, FilePolicy policy, Duration timeout);

  // What the name is, nothing when there is none; cheaper than lookup().
  Task<Result<std::optional<Entry>>> entry(Id directory, std::string name, Duration timeout);
  Task<Result<Slot>> slot(Id directory, std::string name, Duration timeout);
  // The file, directory or link of that name. Who has just looked at its slot says so.
  Task<Result<Inode>> lookup(Id directory, std::string name, Duration timeout,
                             std::optional<Slot> known = std::nullopt);
  Task<Result<Inode>> directory(Id id, Duration timeout);
  Task<Result<Id>> parent(Id directory, Duration timeout);
  // `stale` for a file that is not small.
  Task<Result<SmallFile>> read_small(Id directory, std::string name, Duration timeout,
                                     std::optional<Slot> known = std::nullopt);
  // Entries with names above `after`, in order. An entry that was there throughout a walk is seen exactly once.
  Task<Result<Listing>> list(Id directory, std::string after, std::size_t max, Duration timeout);

  // `attributes` count for a new file; one that is there keeps its own, but for the time of modification. A time of 0
  // means now. `exists`, though nothing must be absent, says that the name is that of a symbolic link. The content must
  // be there until this ends.
  Task<Result<Inode>> put(Id directory, std::string name, const NewContent& content, Attributes attributes,
                          Change change);
  Task<Result<Inode>> symlink(Id directory, std::string name, std::string target, Attributes attributes, Change change);
  Task<Result<Inode>> mkdir(Id directory, std::string name, Attributes attributes, Change change);
  Task<Result<Inode>> set(Id directory, std::string name, AttributeChange attributes, Change change);
  Task<Result<Inode>> set_directory(Id id, AttributeChange attributes, Change change);
  Task<Status> unlink(Id directory, std::string name, Change change);
  Task<Status> rmdir(Id directory, std::string name, Change change);
  Task<Result<Inode>> link(Id directory, std::string name, Id to_directory, std::string to_name, Change change);
  Task<Status> rename(Id directory, std::string name, Id to_directory, std::string to_name, RenameOptions options,
                      Change change);

  // Was the operation that `change` names executed on this name?
  Task<Result<bool>> was_executed(Id directory, std::string name, Change change);

  // Where an upload for this name is to be opened, so that its commit touches one partition.
  Id upload_place(const Id& directory, const std::string& name) { return parts_.locate(directory, name).place; }
  // Forgets up to `max` operations of a place that nobody can ask for any more. Of others the janitor knows how old
  // they are.
  Task<Status> forget_operations(Id place, std::size_t max);

  // Told of every release record that was written by this tree: somebody is to see to it.
  void on_release(std::function<void(const dht::Key&)> observer) { on_release_ = std::move(observer); }

  DirectoryParts& parts() { return parts_; }
  Env& env() { return env_; }
  dht::Records& records() { return records_; }

 private:
  // One try of an operation: its result, or nothing when it is to be tried again.
  using Attempt = Result<std::optional<Inode>>;

  template <class... Params, class... Args>
  Task<Result<Inode>> repeat(Id directory, std::string name, Change change,
                             Task<Attempt> (Tree::*attempt)(Id, std::string, const Change&, Effort&, Params...),
                             Args... args);
  Effort begin(Duration timeout) const;
  Duration left(const Effort& effort) const;
  Task<Status> again(Effort& effort);
  Task<Result<Tried>> commit(NamePlan plan, const Change& change, Effort& effort);
  Task<Result<std::optional<OperationRecord>>> executed(Id directory, std::string name, const Change& change,
                                                        Effort& effort);

  Task<Attempt> try_put(Id directory, std::string name, const Change& change, Effort& effort, const NewContent& content,
                        const Attributes& attributes);
  Task<Attempt> try_replace(Slot slot, const Change& change, Effort& effort, const NewContent& content,
                            FileTime modified);
  Task<Attempt> try_symlink(Id directory, std::string name, const Change& change, Effort& effort,
                            const std::string& target, const Attributes& attributes);
  Task<Attempt> try_mkdir(Id directory, std::string name, const Change& change, Effort& effort,
                          const Attributes& attributes);
  Task<Attempt> try_make(NamePlan plan, Spot spot, Entry entry, Inode inode, const Change& change, Effort& effort);
  Task<Attempt> try_set(Id directory, std::string name, const Change& change, Effort& effort,
                        const AttributeChange& attributes);
  Task<Attempt> try_set_directory(Id id, std::string name, const Change& change, Effort& effort,
                                  const AttributeChange& attributes);
  Task<Attempt> set_directory_at(Id id, Spot spot, const Change& change, Effort& effort,
                                 const AttributeChange& attributes);
  Task<Attempt> try_unlink(Id directory, std::string name, const Change& change, Effort& effort);
  Task<Attempt> try_rmdir(Id directory, std::string name, const Change& change, Effort& effort);
  Task<Attempt> try_link(Id directory, std::string name, const Change& change, Effort& effort, const Id& from_directory,
                         const std::string& from_name);
  Task<Attempt> try_rename(Id directory, std::string name, const Change& change, Effort& effort, const Id& to_directory,
                           const std::string& to_name, const RenameOptions& options);

  // `not_found` when there is no such directory.
  Task<Result<Slot>> find(Id directory, std::string name, Effort& effort);
  Task<Result<Slot>> known_or_found(std::optional<Slot>& known, const Id& directory, const std::string& name,
                                    Effort& effort);
  Task<Result<Slot>> find_to_change(Id directory, std::string name, Effort& effort);
  // Where the name is; what stands before a split that is going on is moved there first.
  Task<Result<Spot>> spot_to_change(Id directory, std::string name, Effort& effort);
  // The inode of an entry that is no directory; `stale` when it was removed since the entry was read.
  Task<Result<Holding>> hold(Slot slot, Effort& effort);
  Task<Result<Holding>> hold_directory(Id id, Effort& effort);
  Task<Result<Inode>> inode_of(Slot slot, Effort& effort);
  Task<Result<ByteVector>> content_of(Id place, Inode inode, Effort& effort);
  Task<Result<Listing>> list_page(Id directory, std::string after, std::size_t max, Effort& effort);

  Task<Status> plan_upload(NamePlan& plan, const NewContent& content, Inode& inode, Effort& effort);
  // Takes away one name of whatever the slot has; its condition is the slot's version. `stale` when it was removed.
  Task<Status> plan_removal(NamePlan& plan, Slot slot, const Precondition& only_if, Effort& effort);
  Task<Status> check_rename(Slot from, Slot to, RenameOptions options, Effort& effort);
  Task<Status> plan_directory_move(NamePlan& plan, Id directory, Id to_parent, Effort& effort);
  Task<Status> plan_file_move(NamePlan& plan, Slot from, Spot to, Effort& effort);
  Task<Result<bool>> is_below(Id directory, Id ancestor, Effort& effort);

  void entry_made(const Spot& spot);
  Task<void> tend(Id directory, std::string name);
  FileTime wall_now() const;
  std::uint64_t first_version();

  Env& env_;
  dht::Records& records_;
  const TreeOptions options_;
  DirectoryParts parts_;
  std::function<void(const dht::Key&)> on_release_;
  bool tending_ = false;
  TaskGroup group_;
};

std::uint64_t next_version(std::uint64_t version, FileTime now);

}  // namespace vortex::node
