// What may go with every change of names: conditions, a deadline, and a name for the operation.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "node/files/inode.h"

namespace vortex::node {

// What must be true of the file that is changed; otherwise the answer is `precondition_failed`, or `exists` for
// absence.
struct Precondition {
  bool absent = false;
  std::optional<std::uint64_t> version;
  std::optional<chunker::Etag> etag;

  Precondition() {}
  bool any() const { return absent || version || etag; }
};

// `exists`, `precondition_failed`, or nothing to be said against it.
Status check(const Precondition& only_if, const Inode& inode);

struct Change {
  Duration timeout = seconds(10);
  Precondition only_if;
  // With a name an operation is executed once however often it is asked for, and an unknown outcome is found out within
  // the timeout. Without one it is reported.
  std::optional<OperationId> operation;
  // Earlier operations in the same directory whose outcome the caller has heard: they can be forgotten.
  std::vector<OperationId> settled;
  // It may have been asked for before: also looks where the directory's parts were before they split.
  bool again = false;

  Change() {}
};
// Operations of which nobody said that they are settled are forgotten after this time, which the leader of their
// partition measures.
inline constexpr Duration kOperationsKept = std::chrono::minutes(15);

// Fields that are given change; the others stay.
struct AttributeChange {
  std::optional<std::uint32_t> mode, uid, gid;
  std::optional<FileTime> accessed, modified;
  std::vector<Xattr> xattrs;             // to be set
  std::vector<std::string> xattrs_gone;  // to be removed; `not_found` when one is not there
  bool xattrs_new = false;               // `exists` when one of `xattrs` is there already
  bool xattrs_there = false;             // `not_found` when one of `xattrs` is not there
  std::optional<FilePolicy> policy;      // of directories

  AttributeChange() {}
  VORTEX_FIELDS(mode, uid, gid, accessed, modified, xattrs, xattrs_gone, xattrs_new, xattrs_there, policy)
};

}  // namespace vortex::node
