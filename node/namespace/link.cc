// Further names for a file. With the second one its inode moves from the entry to a record of its own.
#include "node/files/path.h"
#include "node/namespace/repeat.h"

namespace vortex::node {

Task<Tree::Attempt> Tree::try_link(Id directory, std::string name, const Change& change, Effort& effort,
                                   const Id& from_directory, const std::string& from_name) {
  CO_ASSIGN_OR_RETURN(Slot from, co_await find_to_change(from_directory, from_name, effort));
  if (!from.there()) co_return Code::not_found;
  CO_ASSIGN_OR_RETURN(Slot to, co_await find_to_change(directory, name, effort));
  if (to.there()) co_return Code::exists;
  if (from.entry.kind == EntryKind::directory)
    co_return Error(Code::is_directory, "a directory cannot have a second name");
  auto holding = co_await hold(from, effort);
  if (holding.is(Code::stale)) co_return std::nullopt;
  if (!holding.ok()) co_return holding.error();
  FileTime now = wall_now();
  Inode inode = holding->inode;
  if (inode.links >= kLinksMax) co_return Error(Code::too_large, "the file has too many names");
  ++inode.links;
  inode.attributes.changed = now;
  inode.version = next_version(inode.version, now);
  NamePlan plan;
  plan.require_version(from.spot.key(), from.version);
  Entry entry = entry_of(EntryKind::linked, inode.id, inode.type);
  if (from.entry.kind == EntryKind::inode) {
    plan.write(from.spot.key(), encode_record(entry));
    if (inode.small() && inode.size > 0) {
      dht::Key key = key_of(from.spot.place, RecordKind::content, inode.id.bytes);
      CO_ASSIGN_OR_RETURN(std::optional<dht::Record> content, co_await records_.get(key, left(effort)));
      if (!content) co_return std::nullopt;
      plan.require_version(key, content->version);
      plan.erase(std::move(key));
      plan.write(key_of(inode.id, RecordKind::content, inode.id.bytes), std::move(content->value));
    }
  } else {
    plan.require_version(holding->key, holding->version);
  }
  plan.write(key_of(inode.id, RecordKind::header), encode_record(inode));
  co_return co_await try_make(std::move(plan), to.spot, std::move(entry), std::move(inode), change, effort);
}

Task<Result<Inode>> Tree::link(Id directory, std::string name, Id to_directory, std::string to_name, Change change) {
  CO_RETURN_IF_ERROR(check_name(name));
  CO_RETURN_IF_ERROR(check_name(to_name));
  co_return co_await repeat(to_directory, std::move(to_name), std::move(change), &Tree::try_link, directory,
                            std::move(name));
}

}  // namespace vortex::node
