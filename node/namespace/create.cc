// Making entries and replacing the contents of files.
#include <functional>

#include "node/files/path.h"
#include "node/namespace/repeat.h"

namespace vortex::node {

namespace {

void stamp(Attributes& attributes, FileTime now) {
  if (attributes.modified == 0) attributes.modified = now;
  if (attributes.accessed == 0) attributes.accessed = attributes.modified;
  attributes.changed = attributes.born = now;
  attributes.mode &= kModeMask;
}

Status check_content(const NewContent& content) {
  if (content.manifest) {
    RETURN_IF_ERROR(chunker::validate(*content.manifest));
    if (content.manifest->size != content.size || content.manifest->etag != content.etag || !content.small.empty())
      return Error(Code::invalid_argument, "a manifest that is not that of the content");
    return Status();
  }
  if (content.small.size() > kInlineMax) return Code::too_large;
  if (content.small.size() != content.size || content.upload || content.keeps_uploads)
    return Error(Code::invalid_argument, "content whose size is another one");
  return Status();
}

void fill(Inode& inode, const NewContent& content) {
  inode.size = content.size;
  inode.etag = content.etag;
  inode.manifest = content.manifest;
  if (!content.keeps_uploads) inode.uploads.clear();
}

void write_small(NamePlan& plan, const Id& place, const Inode& inode, const NewContent& content) {
  if (content.manifest || content.size == 0) return;
  SmallContent record;
  record.etag = content.etag;
  record.bytes = content.small;
  plan.write(key_of(place, RecordKind::content, inode.id.bytes), encode_record(record));
}

}  // namespace

// The upload is open, and is committed by the plan.
Task<Status> Tree::plan_upload(NamePlan& plan, const NewContent& content, Inode& inode, Effort& effort) {
  if (!content.upload) co_return Status();
  dht::Key key = key_of(content.upload->place, RecordKind::upload, content.upload->id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, left(effort)));
  if (!record) co_return Error(Code::expired, "the upload was taken back; store again");
  CO_ASSIGN_OR_RETURN(Upload upload, decode_record<Upload>(record->value));
  if (upload.state != UploadState::open) co_return Error(Code::expired, "the upload was taken back; store again");
  upload.state = UploadState::committed;
  upload.inode = inode.id;
  upload.manifest = content.manifest;
  plan.require_version(key, record->version);
  plan.write(std::move(key), encode_record(upload));
  if (inode.uploads.size() >= kUploadsMax)
    co_return Error(Code::precondition_failed, "the file's chunks must be referenced anew");
  inode.uploads.push_back(content.upload->id);
  co_return Status();
}

Task<Tree::Attempt> Tree::try_make(NamePlan plan, Spot spot, Entry entry, Inode inode, const Change& change,
                                   Effort& effort) {
  FileTime now = wall_now();
  plan.in_part(spot);
  std::size_t free = plan.name_free(spot);
  plan.write(spot.key(), encode_record(entry));
  plan.pulse(spot, now);
  plan.operation(spot, change, inode.id, inode.version, now);
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::before) {
    inode.id = tried.operation.id;
    inode.version = tried.operation.version;
  }
  if (tried.end != Tried::End::again) {
    entry_made(spot);
    co_return inode;
  }
  if (tried.failed == free && tried.found) {
    Slot seen;
    seen.spot = spot;
    seen.version = tried.found->version;
    CO_ASSIGN_OR_RETURN(seen.entry, decode_entry(tried.found->value));
    effort.seen = std::move(seen);
  }
  co_return std::nullopt;
}

Task<Tree::Attempt> Tree::try_put(Id directory, std::string name, const Change& change, Effort& effort,
                                  const NewContent& content, const Attributes& attributes) {
  Slot slot;
  bool may_be_new = !change.only_if.version && !change.only_if.etag;
  if (effort.seen) {
    slot = std::move(*effort.seen);
    effort.seen.reset();
  } else if (may_be_new && effort.tries == 0) {
    CO_ASSIGN_OR_RETURN(slot.spot, co_await spot_to_change(directory, name, effort));
  } else {
    CO_ASSIGN_OR_RETURN(slot, co_await find_to_change(directory, name, effort));
  }
  if (slot.there()) co_return co_await try_replace(std::move(slot), change, effort, content, attributes.modified);
  if (!may_be_new) co_return Code::not_found;
  NamePlan plan;
  Inode inode;
  inode.id = env_.random().id();
  inode.version = first_version();
  inode.attributes = attributes;
  stamp(inode.attributes, wall_now());
  fill(inode, content);
  CO_RETURN_IF_ERROR(co_await plan_upload(plan, content, inode, effort));
  write_small(plan, slot.spot.place, inode, content);
  Entry entry = entry_with(inode);
  co_return co_await try_make(std::move(plan), std::move(slot.spot), std::move(entry), std::move(inode), change,
                              effort);
}

Task<Tree::Attempt> Tree::try_replace(Slot slot, const Change& change, Effort& effort, const NewContent& content,
                                      FileTime modified) {
  if (change.only_if.absent) co_return Code::exists;
  if (slot.entry.type == FileType::directory) co_return Code::is_directory;
  if (slot.entry.type == FileType::symlink) co_return Error(Code::exists, "the name is that of a symbolic link");
  auto holding = co_await hold(slot, effort);
  if (holding.is(Code::stale)) co_return std::nullopt;
  if (!holding.ok()) co_return holding.error();
  CO_RETURN_IF_ERROR(check(change.only_if, holding->inode));
  FileTime now = wall_now();
  Inode inode = holding->inode;
  const Id place = holding->key.place;
  fill(inode, content);
  inode.version = next_version(inode.version, now);
  inode.attributes.changed = now;
  inode.attributes.modified = now;
  if (modified != 0) inode.attributes.modified = modified;
  NamePlan plan;
  plan.require_version(slot.spot.key(), slot.version);
  if (holding->key != slot.spot.key()) plan.require_version(holding->key, holding->version);
  CO_RETURN_IF_ERROR(co_await plan_upload(plan, content, inode, effort));
  std::optional<chunker::Manifest> kept;
  if (content.keeps_uploads) kept = content.manifest;
  plan.let_go(place, holding->inode, kept, now, env_.random().id());
  write_small(plan, place, inode, content);
  if (slot.entry.kind == EntryKind::inode) {
    plan.write(slot.spot.key(), encode_record(entry_with(inode)));
  } else {
    plan.write(holding->key, encode_record(inode));
  }
  plan.operation(slot.spot, change, inode.id, inode.version, now);
  CO_ASSIGN_OR_RETURN(Tried tried, co_await commit(std::move(plan), change, effort));
  if (tried.end == Tried::End::before) {
    inode.id = tried.operation.id;
    inode.version = tried.operation.version;
  }
  if (tried.end == Tried::End::again) co_return std::nullopt;
  co_return inode;
}

Task<Tree::Attempt> Tree::try_symlink(Id directory, std::string name, const Change& change, Effort& effort,
                                      const std::string& target, const Attributes& attributes) {
  if (effort.seen) co_return Code::exists;
  CO_ASSIGN_OR_RETURN(Spot spot, co_await spot_to_change(directory, name, effort));
  Inode inode;
  inode.id = env_.random().id();
  inode.type = FileType::symlink;
  inode.version = first_version();
  inode.attributes = attributes;
  stamp(inode.attributes, wall_now());
  inode.attributes.mode = 0777;
  inode.target = target;
  inode.size = target.size();
  inode.etag = chunker::etag_of_inline(as_bytes(target));
  NamePlan plan;
  Entry entry = entry_with(inode);
  co_return co_await try_make(std::move(plan), std::move(spot), std::move(entry), std::move(inode), change, effort);
}

Task<Tree::Attempt> Tree::try_mkdir(Id directory, std::string name, const Change& change, Effort& effort,
                                    const Attributes& attributes) {
  if (effort.seen) co_return Code::exists;
  CO_ASSIGN_OR_RETURN(Spot spot, co_await spot_to_change(directory, name, effort));
  auto parent = co_await hold_directory(directory, effort);
  if (parent.is(Code::stale)) co_return Error(Code::not_found, "there is no such directory any more");
  if (!parent.ok()) co_return parent.error();
  DirectoryHeader header;
  header.id = env_.random().id();
  header.parent = directory;
  header.version = first_version();
  header.attributes = attributes;
  stamp(header.attributes, wall_now());
  header.policy = parent->inode.policy;
  PartHeader part;
  part.directory = header.id;
  NamePlan plan;
  plan.write(key_of(header.id, RecordKind::header), encode_record(header));
  plan.write(key_of(header.id, RecordKind::part), encode_record(part));
  Inode inode;
  inode.id = header.id;
  inode.type = FileType::directory;
  inode.version = header.version;
  inode.attributes = header.attributes;
  inode.policy = header.policy;
  Entry entry = entry_of(EntryKind::directory, header.id, FileType::directory);
  co_return co_await try_make(std::move(plan), std::move(spot), std::move(entry), std::move(inode), change, effort);
}

Task<Result<Inode>> Tree::put(Id directory, std::string name, const NewContent& content, Attributes attributes,
                              Change change) {
  CO_RETURN_IF_ERROR(check_name(name));
  CO_RETURN_IF_ERROR(check_content(content));
  if (content.keeps_uploads && !change.only_if.etag)
    co_return Error(Code::invalid_argument, "an edit names the ETag of what it edits");
  co_return co_await repeat(directory, std::move(name), std::move(change), &Tree::try_put, std::cref(content),
                            std::move(attributes));
}

Task<Result<Inode>> Tree::symlink(Id directory, std::string name, std::string target, Attributes attributes,
                                  Change change) {
  CO_RETURN_IF_ERROR(check_name(name));
  auto parsed = LinkTarget::parse(target);
  if (!parsed.ok()) co_return parsed.error();
  co_return co_await repeat(directory, std::move(name), std::move(change), &Tree::try_symlink, std::move(target),
                            std::move(attributes));
}

Task<Result<Inode>> Tree::mkdir(Id directory, std::string name, Attributes attributes, Change change) {
  CO_RETURN_IF_ERROR(check_name(name));
  co_return co_await repeat(directory, std::move(name), std::move(change), &Tree::try_mkdir, std::move(attributes));
}

}  // namespace vortex::node
