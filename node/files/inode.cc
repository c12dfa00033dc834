#include "node/files/inode.h"

#include <utility>

namespace vortex::node {

namespace {

Id root_directory() {
  Id id;
  id.bytes.back() = 1;
  return id;
}

}  // namespace

const Id kRootDirectory = root_directory();

Entry entry_with(Inode inode) {
  Entry entry = entry_of(EntryKind::inode, inode.id, inode.type);
  entry.inode = std::move(inode);
  return entry;
}

Entry entry_of(EntryKind kind, const Id& id, FileType type) {
  Entry entry;
  entry.kind = kind;
  entry.id = id;
  entry.type = type;
  return entry;
}

Result<Entry> decode_entry(ByteView bytes) {
  ASSIGN_OR_RETURN(Entry entry, decode_record<Entry>(bytes));
  bool whole = entry.inode.has_value() == (entry.kind == EntryKind::inode) &&
               (entry.kind == EntryKind::directory) == (entry.type == FileType::directory) &&
               (!entry.inode || (entry.inode->id == entry.id && entry.inode->type == entry.type));
  if (!whole) return Error(Code::damaged, "an entry whose parts do not fit together");
  return entry;
}

}  // namespace vortex::node
