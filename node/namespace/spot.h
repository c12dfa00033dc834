// A name in a directory, where its entry is, and what was found there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "node/files/keys.h"
#include "node/files/upload.h"
#include "node/namespace/change.h"
#include "node/namespace/plan.h"

namespace vortex::node {

struct Spot {
  Id directory;
  std::string name;
  Part part;
  Id place;
  std::optional<Id> old_place;  // the part above, which is being split and may still have the entry

  dht::Key key() const { return entry_key(place, name); }
  dht::Key old_key() const { return entry_key(*old_place, name); }
};

struct Slot {
  Spot spot;
  dht::Version version = 0;  // 0: there is no such entry
  Entry entry;

  bool there() const { return version != 0; }
};

// A slot's inode, wherever it is kept.
struct Holding {
  dht::Key key;  // of the entry or, when it has been linked, of the inode's own record
  dht::Version version = 0;
  Inode inode;
};

// A batch of changes of names.
class NamePlan : public Plan {
 public:
  // Entries can be made there.
  void in_part(const Spot& spot);
  // No entry has the name.
  std::size_t name_free(const Spot& spot);
  // The directory has changed.
  void pulse(const Spot& spot, FileTime now);
  // Not executed before; executed now, with that result.
  void operation(const Spot& spot, const Change& change, const Id& id, std::uint64_t version, FileTime now);
  // An open directory disappears, if it is empty.
  void remove_directory(const Id& directory);
  // The inode's content is let go: its record, or those of its chunks that `kept` has not.
  void let_go(const Id& place, const Inode& inode, const std::optional<chunker::Manifest>& kept, FileTime now,
              const Id& release);

  // Release records that the plan writes.
  const std::vector<dht::Key>& releases() const { return releases_; }
  // By the number of the failed condition.
  const Spot* part_missing(std::size_t failed) const;
  bool operation_known(std::size_t failed) const { return operation_ && *operation_ == failed; }
  // Of remove_directory(): failed, when there are entries.
  std::size_t empty_condition() const { return empty_.value_or(SIZE_MAX); }

 private:
  std::vector<std::pair<std::size_t, Spot>> parts_;
  std::vector<dht::Key> releases_;
  std::optional<std::size_t> operation_, empty_;
};

// The tries of one operation.
struct Effort {
  Instant deadline;
  unsigned tries = 0;
  bool unknown = false;      // one of them may have been executed
  std::optional<Slot> seen;  // what the last one found in the way
};

// How a commit ended that met no error.
struct Tried {
  enum class End { done, again, before };
  End end = End::again;
  std::size_t failed = 0;            // again: the condition that did not hold
  std::optional<dht::Record> found;  // and what was there
  OperationRecord operation;         // before: what it did
  bool done() const { return end == End::done; }
};

}  // namespace vortex::node
