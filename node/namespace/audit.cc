#include "node/namespace/audit.h"

#include <algorithm>

namespace vortex::node {

void AuditReport::defect(std::string text) {
  ++defects;
  if (findings.size() < kFindingsKept) findings.push_back(std::move(text));
}

template <class T>
bool Audit::read(const dht::Record& record, T& out) {
  auto decoded = decode_record<T>(record.value);
  if (!decoded.ok()) {
    report_.defect("a record of " + record.key.place.short_hex() + " cannot be read: " + decoded.error().to_string());
    return false;
  }
  out = std::move(*decoded);
  return true;
}

namespace {

Id id_in(ByteView name) {
  Id id;
  if (name.size() == id.bytes.size()) std::copy(name.begin(), name.end(), id.bytes.begin());
  return id;
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

}  // namespace

// A singleton in a place is a directory's header, an inode or a chunk's record: an id says which.
void Audit::take(const dht::Record& record) {
  const Id& place = record.key.place;
  if (name_in(record.key, RecordKind::header)) {
    // A directory's and a linked inode's name themselves.
    auto header = decode_record<DirectoryHeader>(record.value);
    auto inode = decode_record<Inode>(record.value);
    auto chunk = decode_record<ChunkRecord>(record.value);
    if (place == moves_place()) return;
    if (header.ok() && header->id == place) {
      directories_[place] = std::move(*header);
    } else if (inode.ok() && inode->id == place) {
      File& file = files_[place];
      file.place = place;
      file.inode = std::move(*inode);
      file.linked = true;
    } else if (chunk.ok()) {
      chunks_[place] = std::move(*chunk);
    } else {
      report_.defect("a header of " + place.short_hex() + " that is no directory's, file's or chunk's");
    }
  } else if (name_in(record.key, RecordKind::part)) {
    PartHeader header;
    if (!read(record, header)) return;
    PlacedPart& part = parts_[place];
    part.directory = header.directory;
    part.part = header.part;
    part.header = true;
  } else if (name_in(record.key, RecordKind::fork)) {
    PartFork fork;
    if (!read(record, fork)) return;
    PlacedPart& part = parts_[place];
    part.directory = fork.directory;
    part.part = fork.part;
    part.fork = true;
    part.moving = fork.moving;
  } else if (auto name = name_in(record.key, RecordKind::entry)) {
    auto entry = decode_entry(record.value);
    if (!entry.ok()) return report_.defect("an entry cannot be read: " + entry.error().to_string());
    Named named;
    named.place = place;
    named.name = std::string(as_text(*name));
    named.entry = std::move(*entry);
    entries_.push_back(std::move(named));
  } else if (auto inode = name_in(record.key, RecordKind::content)) {
    SmallContent content;
    if (read(record, content)) contents_[{place, id_in(*inode)}] = std::move(content);
  } else if (auto upload_id = name_in(record.key, RecordKind::upload)) {
    Upload upload;
    if (read(record, upload)) uploads_[id_in(*upload_id)] = std::move(upload);
  } else if (auto by = name_in(record.key, RecordKind::reference)) {
    Reference reference;
    if (read(record, reference)) references_[{place, id_in(*by)}] = std::move(reference);
  } else if (name_in(record.key, RecordKind::release)) {
    Release release;
    if (!read(record, release)) return;
    ++report_.unsettled;
    releasing_.insert(release.uploads.begin(), release.uploads.end());
  }
}

void Audit::check_parts() {
  for (const auto& [place, part] : parts_) {
    ++report_.parts;
    std::string which = "a part of directory " + part.directory.short_hex();
    if (place_of(part.directory, part.part) != place) report_.defect(which + " is in the wrong place");
    if (part.header && part.fork) report_.defect(which + " is split and not split");
    if (!directories_.contains(part.directory)) report_.defect(which + " outlived it");
    if (part.part.depth == 0) continue;
    auto above = parts_.find(place_of(part.directory, part.part.parent()));
    if (above == parts_.end() || !above->second.fork) report_.defect(which + " is below one that is not split");
  }
  for (const auto& [place, part] : parts_)
    for (int side = 0; part.fork && side < 2; ++side)
      if (!parts_.contains(place_of(part.directory, part.part.child_of(side))))
        report_.defect("a half of a split part of directory " + part.directory.short_hex() + " is missing");
}

void Audit::check_entries() {
  std::set<std::pair<Id, std::string>> seen;
  for (Named& named : entries_) {
    ++report_.entries;
    auto part = parts_.find(named.place);
    if (part == parts_.end()) {
      report_.defect("the entry " + quoted(named.name) + " is in no directory");
      continue;
    }
    const PlacedPart& in = part->second;
    if (!in.header && !in.moving) report_.defect("the entry " + quoted(named.name) + " was left behind by a split");
    std::uint32_t hash = hash_of(named.name);
    if (in.part.depth > 0 && hash >> (32 - in.part.depth) != in.part.prefix)
      report_.defect("the entry " + quoted(named.name) + " is in the wrong part");
    if (!seen.emplace(in.directory, named.name).second)
      report_.defect("the name " + quoted(named.name) + " is there twice");
    if (named.entry.kind == EntryKind::directory) {
      ++directory_entries_[named.entry.id];
      auto header = directories_.find(named.entry.id);
      if (header == directories_.end()) {
        report_.defect("the entry " + quoted(named.name) + " names a directory that is not there");
      } else if (header->second.parent != in.directory) {
        report_.defect("the directory " + quoted(named.name) + " has another parent than its entry");
      }
    } else if (named.entry.kind == EntryKind::linked) {
      auto file = files_.find(named.entry.id);
      if (file == files_.end()) {
        report_.defect("the name " + quoted(named.name) + " is of a file that is not there");
      } else {
        ++file->second.names;
      }
    } else {
      File& file = files_[named.entry.id];
      if (file.names > 0 || file.linked) report_.defect("the file of " + quoted(named.name) + " is there twice");
      ++file.names;
      file.place = named.place;
      file.inode = std::move(*named.entry.inode);
    }
  }
}

void Audit::check_directories() {
  for (const auto& [id, header] : directories_) {
    ++report_.directories;
    std::string which = "directory " + id.short_hex();
    if (!parts_.contains(id)) report_.defect(which + " has no place for entries");
    std::uint32_t named = directory_entries_.contains(id) ? directory_entries_.at(id) : 0;
    std::uint32_t wanted = id == kRootDirectory ? 0 : 1;
    if (named != wanted) report_.defect(which + " has " + std::to_string(named) + " names");
    // Up to the root, and not in a circle.
    Id at = id;
    std::size_t depth = 0;
    while (at != kRootDirectory && depth <= directories_.size()) {
      auto above = directories_.find(at);
      if (above == directories_.end()) break;
      at = above->second.parent;
      ++depth;
    }
    if (at != kRootDirectory) report_.defect(which + " is not below the root");
  }
}

void Audit::check_files() {
  for (const auto& [id, file] : files_) {
    ++report_.files;
    if (file.linked) ++report_.linked_files;
    std::string which = "file " + id.short_hex();
    if (file.names != file.inode.links)
      report_.defect(which + " has " + std::to_string(file.names) + " names and counts " +
                     std::to_string(file.inode.links));
    uploads_in_use_.insert(file.inode.uploads.begin(), file.inode.uploads.end());
    if (!file.inode.small() || file.inode.size == 0) continue;
    auto content = contents_.find({file.place, id});
    if (content == contents_.end()) {
      report_.defect(which + " has lost its content");
      continue;
    }
    const ByteVector& bytes = content->second.bytes;
    if (bytes.size() != file.inode.size || chunker::etag_of_inline(bytes) != file.inode.etag)
      report_.defect(which + " has another content than it says");
    contents_.erase(content);
  }
  for (const auto& [key, content] : contents_)
    report_.defect("the content of file " + key.second.short_hex() + " outlived it");
}

namespace {

struct ChunkList {
  std::set<ChunkId> chunks;
};
Task<Status> note_chunk(ChunkList* list, ChunkId chunk) {
  list->chunks.insert(chunk);
  co_return Status();
}

}  // namespace

Task<Status> Audit::check_chunks() {
  for (const auto& [id, file] : files_) {
    if (!file.inode.manifest) continue;
    ChunkList list;
    ChunkList* noted = &list;
    ChunkWalk walk(env_, nodes_, [noted](ChunkId chunk) { return note_chunk(noted, chunk); });
    Status walked = co_await walk.run(*file.inode.manifest);
    if (walked.is(Code::cancelled)) co_return walked;
    std::string which = "file " + id.short_hex();
    if (!walked.ok()) report_.defect(which + ": its manifest cannot be read: " + walked.error().to_string());
    if (walk.missing() > 0) report_.defect(which + " has lost a part of its manifest");
    for (const ChunkId& chunk : list.chunks) {
      auto record = chunks_.find(chunk);
      if (record == chunks_.end() || record->second.holders.empty())
        report_.defect(which + ": nobody is known to hold its chunk " + chunk.short_hex());
      bool referred = false;
      for (const Id& upload : file.inode.uploads) referred = referred || references_.contains({chunk, upload});
      if (!referred) report_.defect(which + " does not refer to its chunk " + chunk.short_hex());
    }
  }
  co_return Status();
}

void Audit::check_references() {
  std::set<ChunkId> referred;
  for (const auto& [key, reference] : references_) {
    ++report_.references;
    referred.insert(key.first);
    if (!chunks_.contains(key.first))
      report_.defect("a reference to the chunk " + key.first.short_hex() + ", of which there is no record");
    if (uploads_in_use_.contains(key.second)) continue;
    bool settled = reference.confirmed && !releasing_.contains(key.second);
    if (settled) report_.defect("a reference to the chunk " + key.first.short_hex() + " by a file that is gone");
    if (!settled) ++report_.unsettled;
  }
  for (const auto& [chunk, record] : chunks_) {
    ++report_.chunks;
    if (!referred.contains(chunk) && record.condemned == 0)
      report_.defect("nobody refers to the chunk " + chunk.short_hex() + ", and it is not condemned");
  }
  report_.unsettled += uploads_.size();
}

Task<Result<AuditReport>> Audit::run(RecordSource& source) {
  while (true) {
    CO_ASSIGN_OR_RETURN(std::vector<dht::Record> records, co_await source.more());
    if (records.empty()) break;
    for (const dht::Record& record : records) take(record);
  }
  if (!directories_.contains(kRootDirectory)) report_.defect("there is no root");
  check_parts();
  check_entries();
  check_directories();
  check_files();
  CO_RETURN_IF_ERROR(co_await check_chunks());
  check_references();
  co_return std::move(report_);
}

}  // namespace vortex::node
