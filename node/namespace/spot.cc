#include "node/namespace/spot.h"

namespace vortex::node {

void NamePlan::in_part(const Spot& spot) {
  parts_.emplace_back(require_exists(key_of(spot.place, RecordKind::part)), spot);
}

std::size_t NamePlan::name_free(const Spot& spot) {
  if (spot.old_place) require_absent(spot.old_key());
  return require_absent(spot.key());
}

void NamePlan::pulse(const Spot& spot, FileTime now) {
  Pulse pulse;
  pulse.at = now;
  write(key_of(spot.place, RecordKind::pulse), encode_record(pulse));
}

void NamePlan::operation(const Spot& spot, const Change& change, const Id& id, std::uint64_t version, FileTime now) {
  if (change.operation) {
    dht::Key key = key_of(spot.place, RecordKind::operation, *change.operation);
    OperationRecord record;
    record.at = now;
    record.id = id;
    record.version = version;
    operation_ = require_absent(key);
    write(std::move(key), encode_record(record));
  }
  for (const OperationId& settled : change.settled)
    if (settled != change.operation) erase(key_of(spot.place, RecordKind::operation, settled));
}

void NamePlan::remove_directory(const Id& directory) {
  dht::Key header = key_of(directory, RecordKind::header), part = key_of(directory, RecordKind::part);
  require_exists(header);
  require_exists(part);
  empty_ = require_empty(key_of(directory, RecordKind::entry), end_of(RecordKind::entry));
  erase(std::move(header));
  erase(std::move(part));
  erase(key_of(directory, RecordKind::pulse));
}

void NamePlan::let_go(const Id& place, const Inode& inode, const std::optional<chunker::Manifest>& kept, FileTime now,
                      const Id& release_id) {
  if (inode.small() && inode.size > 0) erase(key_of(place, RecordKind::content, inode.id.bytes));
  if (!inode.manifest) return;
  Release release;
  release.at = now;
  release.inode = inode.id;
  release.uploads = inode.uploads;
  release.manifest = *inode.manifest;
  release.kept = kept;
  dht::Key key = key_of(place, RecordKind::release, release_id.bytes);
  releases_.push_back(key);
  write(std::move(key), encode_record(release));
}

const Spot* NamePlan::part_missing(std::size_t failed) const {
  for (const auto& [number, spot] : parts_)
    if (number == failed) return &spot;
  return nullptr;
}

}  // namespace vortex::node
