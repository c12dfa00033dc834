// Modes, owners, times, extended attributes and policies.
#include <algorithm>

#include "node/namespace/repeat.h"

namespace vortex::node {

namespace {

Status set_xattr(std::vector<Xattr>& xattrs, const Xattr& xattr, const AttributeChange& change) {
  if (xattr.name.empty() || xattr.name.size() > kNameMax || xattr.name.find('\0') != std::string::npos)
    return Error(Code::invalid_argument, "an extended attribute's name has 1 to 255 bytes and no NUL");
  auto before = [](const Xattr& a, const std::string& name) { return a.name < name; };
  auto place = std::lower_bound(xattrs.begin(), xattrs.end(), xattr.name, before);
  bool there = place != xattrs.end() && place->name == xattr.name;
  if (there && change.xattrs_new) return Error(Code::exists, "the extended attribute is there");
  if (!there && change.xattrs_there) return Error(Code::not_found, "there is no such extended attribute");
  if (there) {
    place->value = xattr.value;
  } else {
    xattrs.insert(place, xattr);
  }
  return Status();
}

Status apply(const AttributeChange& change, Attributes& attributes, FileTime now) {
  attributes.mode = change.mode.value_or(attributes.mode) & kModeMask;
  attributes.uid = change.uid.value_or(attributes.uid);
  attributes.gid = change.gid.value_or(attributes.gid);
  attributes.accessed = change.accessed.value_or(attributes.accessed);
  attributes.modified = change.modified.value_or(attributes.modified);
  attributes.changed = now;
  for (const std::string& name : change.xattrs_gone) {
    auto same = [&name](const Xattr& xattr) { return xattr.name == name; };
    if (std::erase_if(attributes.xattrs, same) == 0)
      return Error(Code::not_found, "there is no such extended attribute");
  }
  for (const Xattr& xattr : change.xattrs) RETURN_IF_ERROR(set_xattr(attributes.xattrs, xattr, change));
  std::size_t bytes = 0;
  for (const Xattr& xattr : attributes.xattrs) bytes += xattr.name.size() + xattr.value.size();
  if (bytes > kXattrsBytesMax) return Error(Code::too_large, "extended attributes take too much room");
  return Status();
}

}  // namespace

Task<Tree::Attempt> Tree::try_set(Id directory, std::string name, const Change& change, Effort& effort,
                                  const AttributeChange& attributes) {
  CO_ASSIGN_OR_RETURN(Slot slot, co_await find_to_change(directory, name, effort));
  if (!slot.there()) co_return Code::not_found;
  if (slot.entry.kind == EntryKind::directory)
    co_return co_await set_directory_at(slot.entry.id, std::move(slot.spot), change, effort, attributes);
  if (attributes.policy) co_return Error(Code::not_directory, "a policy is a directory's");
  auto holding = co_await hold(slot, effort);
  if (holding.is(Code::stale)) co_return std::nullopt;
  if (!holding.ok()) co_return holding.error();
  CO_RETURN_IF_ERROR(check(change.only_if, holding->inode));
  FileTime now = wall_now();
  Inode inode = holding->inode;
  CO_RETURN_IF_ERROR(apply(attributes, inode.attributes, now));
  inode.version = next_version(inode.version, now);
  NamePlan plan;
  plan.require_version(slot.spot.key(), slot.version);
  if (slot.entry.kind == EntryKind::inode) {
    plan.write(slot.spot.key(), encode_record(entry_with(inode)));
  } else {
    plan.require_version(holding->key, holding->version);
    plan.write(holding->key, encode_record(inode));
  }
  plan.operation(slot.spot, change, inode.id, inode.version, now);
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::again) co_return std::nullopt;
  co_return inode;
}

Task<Tree::Attempt> Tree::try_set_directory(Id id, std::string, const Change& change, Effort& effort,
                                            const AttributeChange& attributes) {
  Spot spot;
  spot.directory = spot.place = id;
  co_return co_await set_directory_at(id, std::move(spot), change, effort, attributes);
}

// The operation is noted where whoever repeats it looks: at the name it was asked for.
Task<Tree::Attempt> Tree::set_directory_at(Id id, Spot spot, const Change& change, Effort& effort,
                                           const AttributeChange& attributes) {
  auto holding = co_await hold_directory(id, effort);
  if (holding.is(Code::stale)) co_return Error(Code::not_found, "there is no such directory any more");
  if (!holding.ok()) co_return holding.error();
  CO_RETURN_IF_ERROR(check(change.only_if, holding->inode));
  if (attributes.policy) CO_RETURN_IF_ERROR(validate(*attributes.policy));
  FileTime now = wall_now();
  NamePlan plan;
  DirectoryHeader header;
  header.id = id;
  CO_ASSIGN_OR_RETURN(header.parent, co_await parent(id, left(effort)));
  header.version = next_version(holding->inode.version, now);
  header.attributes = std::move(holding->inode.attributes);
  header.policy = std::move(holding->inode.policy);
  CO_RETURN_IF_ERROR(apply(attributes, header.attributes, now));
  if (attributes.policy) header.policy = attributes.policy;
  // A time that is set counts until the next change of the entries, whatever the clock says.
  if (attributes.modified) {
    CO_ASSIGN_OR_RETURN(std::vector<PartState> parts, co_await parts_.all(id, left(effort)));
    for (const PartState& part : parts)
      if (part.pulse) plan.erase(key_of(part.place, RecordKind::pulse));
  }
  plan.require_version(holding->key, holding->version);
  plan.write(holding->key, encode_record(header));
  plan.operation(spot, change, id, header.version, now);
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::again) co_return std::nullopt;
  Inode inode;
  inode.id = id;
  inode.type = FileType::directory;
  inode.version = header.version;
  inode.attributes = std::move(header.attributes);
  inode.policy = std::move(header.policy);
  co_return inode;
}

Task<Result<Inode>> Tree::set(Id directory, std::string name, AttributeChange attributes, Change change) {
  co_return co_await repeat(directory, std::move(name), std::move(change), &Tree::try_set, std::move(attributes));
}

Task<Result<Inode>> Tree::set_directory(Id id, AttributeChange attributes, Change change) {
  co_return co_await repeat(id, std::string(), std::move(change), &Tree::try_set_directory, std::move(attributes));
}

}  // namespace vortex::node
