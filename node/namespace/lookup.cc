// Finding names and what they stand for.
#include "node/namespace/tree.h"

namespace vortex::node {

Task<Result<Slot>> Tree::find(Id directory, std::string name, Effort& effort) {
  while (true) {
    Slot slot;
    slot.spot = parts_.locate(directory, name);
    std::optional<dht::Record> record;
    // The old place first: entries move from there to here only.
    if (slot.spot.old_place) {
      CO_ASSIGN_OR_RETURN(record, co_await records_.get(slot.spot.old_key(), left(effort)));
      if (record) slot.spot.place = *slot.spot.old_place;
    }
    if (!record) {
      CO_ASSIGN_OR_RETURN(record, co_await records_.get(slot.spot.key(), left(effort)));
    }
    if (record) {
      slot.version = record->version;
      CO_ASSIGN_OR_RETURN(slot.entry, decode_entry(record->value));
      co_return slot;
    }
    // Not there: if this is still where it would be.
    CO_ASSIGN_OR_RETURN(PartState state, co_await parts_.look(directory, slot.spot.part, left(effort)));
    if (state.header != 0) co_return slot;
    CO_RETURN_IF_ERROR(co_await parts_.relocate(directory, slot.spot.part, left(effort)));
    CO_RETURN_IF_ERROR(co_await again(effort));
  }
}

Task<Result<Spot>> Tree::spot_to_change(Id directory, std::string name, Effort& effort) {
  Spot spot = parts_.locate(directory, name);
  CO_RETURN_IF_ERROR(co_await parts_.move_name(spot, left(effort)));
  co_return spot;
}

Task<Result<Slot>> Tree::find_to_change(Id directory, std::string name, Effort& effort) {
  while (true) {
    CO_ASSIGN_OR_RETURN(Slot slot, co_await find(directory, name, effort));
    Spot here = parts_.locate(directory, name);
    if (!slot.there() || slot.spot.place == here.place) co_return slot;
    CO_RETURN_IF_ERROR(co_await parts_.move_name(here, left(effort)));
    CO_RETURN_IF_ERROR(co_await again(effort));
  }
}

Task<Result<Holding>> Tree::hold(Slot slot, Effort& effort) {
  Holding holding;
  if (slot.entry.kind == EntryKind::inode) {
    holding.key = slot.spot.key();
    holding.version = slot.version;
    holding.inode = std::move(*slot.entry.inode);
    co_return holding;
  }
  if (slot.entry.kind == EntryKind::directory) co_return co_await hold_directory(slot.entry.id, effort);
  holding.key = key_of(slot.entry.id, RecordKind::header);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(holding.key, left(effort)));
  if (!record) co_return Error(Code::stale, "the file was removed meanwhile");
  holding.version = record->version;
  CO_ASSIGN_OR_RETURN(holding.inode, decode_record<Inode>(record->value));
  co_return holding;
}

Task<Result<Holding>> Tree::hold_directory(Id id, Effort& effort) {
  Holding holding;
  holding.key = key_of(id, RecordKind::header);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(holding.key, left(effort)));
  if (!record) co_return Error(Code::stale, "the directory was removed meanwhile");
  CO_ASSIGN_OR_RETURN(DirectoryHeader header, decode_record<DirectoryHeader>(record->value));
  holding.version = record->version;
  holding.inode.id = header.id;
  holding.inode.type = FileType::directory;
  holding.inode.version = header.version;
  holding.inode.attributes = std::move(header.attributes);
  holding.inode.policy = std::move(header.policy);
  co_return holding;
}

Task<Result<Inode>> Tree::inode_of(Slot slot, Effort& effort) {
  CO_ASSIGN_OR_RETURN(Holding holding, co_await hold(slot, effort));
  Inode inode = std::move(holding.inode);
  if (inode.type != FileType::directory) co_return inode;
  // Entries made and removed change the directory, but not its header: they need not wait for each other.
  CO_ASSIGN_OR_RETURN(std::vector<PartState> parts, co_await parts_.all(inode.id, left(effort)));
  std::optional<FileTime> pulse;
  for (const PartState& part : parts)
    if (part.pulse) pulse = std::max(pulse.value_or(*part.pulse), *part.pulse);
  if (pulse) {
    inode.attributes.modified = *pulse;
    inode.attributes.changed = std::max(inode.attributes.changed, *pulse);
  }
  co_return inode;
}

Task<Result<std::optional<Entry>>> Tree::entry(Id directory, std::string name, Duration timeout) {
  Effort effort = begin(timeout);
  CO_ASSIGN_OR_RETURN(Slot slot, co_await find(directory, std::move(name), effort));
  std::optional<Entry> entry;
  if (slot.there()) entry = std::move(slot.entry);
  co_return entry;
}

Task<Result<Slot>> Tree::slot(Id directory, std::string name, Duration timeout) {
  Effort effort = begin(timeout);
  co_return co_await find(directory, std::move(name), effort);
}

Task<Result<Slot>> Tree::known_or_found(std::optional<Slot>& known, const Id& directory, const std::string& name,
                                        Effort& effort) {
  if (!known) co_return co_await find(directory, name, effort);
  Slot slot = std::move(*known);
  known.reset();
  co_return slot;
}

Task<Result<Inode>> Tree::lookup(Id directory, std::string name, Duration timeout, std::optional<Slot> known) {
  Effort effort = begin(timeout);
  while (true) {
    CO_ASSIGN_OR_RETURN(Slot slot, co_await known_or_found(known, directory, name, effort));
    if (!slot.there()) co_return Code::not_found;
    auto inode = co_await inode_of(std::move(slot), effort);
    if (inode.ok()) co_return inode;
    if (!inode.is(Code::stale) && !inode.is(Code::not_found)) co_return inode.error();
    CO_RETURN_IF_ERROR(co_await again(effort));
  }
}

Task<Result<Inode>> Tree::directory(Id id, Duration timeout) {
  Effort effort = begin(timeout);
  Slot slot;
  slot.entry = entry_of(EntryKind::directory, id, FileType::directory);
  auto inode = co_await inode_of(std::move(slot), effort);
  if (inode.is(Code::stale)) co_return Error(Code::not_found, "there is no such directory any more");
  co_return inode;
}

Task<Result<Id>> Tree::parent(Id directory, Duration timeout) {
  dht::Key key = key_of(directory, RecordKind::header);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, timeout));
  if (!record) co_return Error(Code::not_found, "there is no such directory any more");
  CO_ASSIGN_OR_RETURN(DirectoryHeader header, decode_record<DirectoryHeader>(record->value));
  co_return header.parent;
}

Task<Result<ByteVector>> Tree::content_of(Id place, Inode inode, Effort& effort) {
  if (inode.size == 0) co_return ByteVector();
  dht::Key key = key_of(place, RecordKind::content, inode.id.bytes);
  CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, left(effort)));
  if (!record) co_return Error(Code::stale, "the content was replaced meanwhile");
  CO_ASSIGN_OR_RETURN(SmallContent content, decode_record<SmallContent>(record->value));
  if (content.etag != inode.etag) co_return Error(Code::stale, "the content was replaced meanwhile");
  co_return std::move(content.bytes);
}

Task<Result<SmallFile>> Tree::read_small(Id directory, std::string name, Duration timeout, std::optional<Slot> known) {
  Effort effort = begin(timeout);
  while (true) {
    CO_ASSIGN_OR_RETURN(Slot slot, co_await known_or_found(known, directory, name, effort));
    if (!slot.there()) co_return Code::not_found;
    if (slot.entry.kind == EntryKind::directory) co_return Code::is_directory;
    auto holding = co_await hold(slot, effort);
    if (!holding.ok() && !holding.is(Code::stale)) co_return holding.error();
    if (holding.ok()) {
      SmallFile file;
      file.inode = holding->inode;
      if (!file.inode.small()) co_return Error(Code::stale, "the file is not a small one");
      auto bytes = co_await content_of(holding->key.place, file.inode, effort);
      if (bytes.ok()) {
        file.bytes = std::move(*bytes);
        co_return file;
      }
      if (!bytes.is(Code::stale)) co_return bytes.error();
    }
    CO_RETURN_IF_ERROR(co_await again(effort));
  }
}

}  // namespace vortex::node
