#include "chunker/manifest_edit.h"

#include <algorithm>

#include "base/check.h"

namespace vortex::chunker {
namespace {

// A replacement on one level: the records that make up [begin, end) of the old file give way to `records`.
struct Change {
  std::uint64_t begin = 0, end = 0;
  std::vector<Record> records;
};

// The parts of `records`, which begin at offset `at`, before `begin` and from `end` on.
struct Sides {
  std::vector<Record> before, after;
};
Sides split(std::uint8_t level, const std::vector<Record>& records, std::uint64_t at, std::uint64_t begin,
            std::uint64_t end) {
  Sides sides;
  for (const Record& record : records) {
    if (at < begin) sides.before.push_back(record);
    if (at >= end) sides.after.push_back(record);
    at += record_length(level, record);
  }
  return sides;
}

// Widens the range to whole extents; their rests outside it join the replacement.
Task<Result<Change>> align(ManifestReader& reader, std::uint64_t begin, std::uint64_t end,
                           std::vector<Extent> replacement) {
  Change change;
  change.begin = begin;
  change.end = end;
  const std::uint64_t size = reader.manifest().size;
  std::vector<Extent> left, right;
  if (begin < size) {
    auto found = co_await reader.find(begin, 1, 1);
    if (!found.ok()) co_return std::move(found).error();
    const PlacedExtent& first = found->extents.at(0);
    if (first.offset < begin) {
      left.push_back(first.extent.part(0, begin - first.offset));
      change.begin = first.offset;
    }
  }
  // With an empty range inside an extent the byte at `end` is that of `begin`: both rests are kept.
  if (end < size) {
    auto found = co_await reader.find(end, 1, 1);
    if (!found.ok()) co_return std::move(found).error();
    const PlacedExtent& last = found->extents.at(0);
    if (last.offset < end) {
      std::uint64_t used = end - last.offset;
      right.push_back(last.extent.part(used, last.extent.length - used));
      change.end = last.offset + last.extent.length;
    }
  }
  for (const std::vector<Extent>* extents : {&left, &replacement, &right})
    for (const Extent& extent : *extents) change.records.push_back(encode_extent(extent));
  co_return std::move(change);
}

// Cuts the nodes of one level anew from the one in which the change begins until the cuts meet the old ones again.
// The result is the change of the level above.
Task<Result<Change>> recut(ManifestReader& reader, std::uint8_t level, Change change,
                           std::vector<ManifestNode>& fresh) {
  const std::uint64_t size = reader.manifest().size;
  Change above;
  NodeCutter cutter(level);
  auto first = co_await reader.locate(level, change.begin);
  if (!first.ok()) co_return std::move(first).error();
  above.begin = (*first)->begin;
  const Sides first_sides = split(level, (*first)->records, above.begin, change.begin, change.end);
  for (const Record& record : first_sides.before) cutter.add(record, fresh, above.records);
  for (const Record& record : change.records) cutter.add(record, fresh, above.records);
  std::uint64_t at = change.end;
  while (at < size) {
    auto next = co_await reader.locate(level, at);
    if (!next.ok()) co_return std::move(next).error();
    if (cutter.between_nodes() && (*next)->begin == at) break;
    const Sides sides = split(level, (*next)->records, (*next)->begin, at, at);
    for (const Record& record : sides.after) cutter.add(record, fresh, above.records);
    at = (*next)->end;
  }
  if (at == size) cutter.flush(fresh, above.records);
  above.end = at;
  co_return std::move(above);
}

// A node that was just made, or is loaded.
Task<Result<ByteVector>> bytes_of(NodeSource& source, ChunkId id, const std::vector<ManifestNode>& fresh) {
  auto made = std::find_if(fresh.begin(), fresh.end(), [&id](const ManifestNode& node) { return node.id == id; });
  if (made != fresh.end()) co_return made->bytes;
  co_return co_await source.load(id);
}

// Levels that the root no longer needs: its children's records come up while all of them fit.
Task<Status> lower(NodeSource& source, Manifest& manifest, const std::vector<ManifestNode>& fresh) {
  // More children than this have more than kRootRecordsMax records, since only the last may be below the minimum.
  constexpr std::size_t kChildrenMax = (kRootRecordsMax - 1) / kNodeRecordsMin + 1;
  while (manifest.level > 0 && manifest.records.size() <= kChildrenMax) {
    auto below = static_cast<std::uint8_t>(manifest.level - 1);
    std::vector<Record> records;
    for (std::size_t i = 0; i < manifest.records.size() && records.size() <= kRootRecordsMax; ++i) {
      const NodeReference reference = *decode_reference(manifest.records[i]);
      auto bytes = co_await bytes_of(source, reference.node, fresh);
      if (!bytes.ok()) co_return std::move(bytes).error();
      const bool last = i + 1 == manifest.records.size();
      auto decoded = decode_node(*bytes, below, reference, last);
      if (!decoded.ok()) co_return std::move(decoded).error();
      records.insert(records.end(), decoded->begin(), decoded->end());
    }
    if (records.size() > kRootRecordsMax) break;
    manifest.records = std::move(records);
    manifest.level = below;
  }
  co_return Status();
}

// A root that has become too long gets levels below it.
Status raise(Manifest& manifest, std::vector<ManifestNode>& fresh) {
  while (manifest.records.size() > kRootRecordsMax) {
    if (manifest.level == kManifestLevelMax) return Error(Code::too_large, "manifest would have too many levels");
    std::vector<Record> references;
    NodeCutter cutter(manifest.level);
    for (const Record& record : manifest.records) cutter.add(record, fresh, references);
    cutter.flush(fresh, references);
    manifest.records = std::move(references);
    ++manifest.level;
  }
  return {};
}

// Only what the new manifest refers to: `lower` may have left nodes without a reference.
void drop_unreferenced(const Manifest& manifest, std::vector<ManifestNode>& fresh) {
  std::erase_if(fresh, [&manifest](const ManifestNode& node) { return node.level >= manifest.level; });
}

}  // namespace

Task<Result<ManifestEdit>> splice(NodeSource& source, Manifest manifest, std::uint64_t begin, std::uint64_t end,
                                  std::vector<Extent> replacement) {
  if (begin > end || begin > kFileSizeMax) co_return Error(Code::invalid_argument, "impossible range of a file");
  if (begin > manifest.size) {
    replacement.insert(replacement.begin(), Extent::hole(begin - manifest.size));
    begin = manifest.size;
  }
  end = std::clamp(end, begin, manifest.size);
  ManifestEdit edit;
  edit.manifest.size = manifest.size - (end - begin);
  for (const Extent& extent : replacement) {
    if (extent.length > kFileSizeMax - edit.manifest.size) co_return Error(Code::too_large, "file too large");
    edit.manifest.size += extent.length;
  }
  // The rests at both ends of the range may add an extent each.
  auto totals = add_up(manifest.level, manifest.records);
  if (!totals.ok()) co_return std::move(totals).error();
  if (replacement.size() + 2 > kExtentsMax - totals->extents) co_return Error(Code::too_large, "too many extents");
  const std::uint8_t level = manifest.level;
  ManifestReader reader(source, std::move(manifest));
  auto aligned = co_await align(reader, begin, end, std::move(replacement));
  if (!aligned.ok()) co_return std::move(aligned).error();
  Change change = std::move(*aligned);
  for (std::uint8_t at = 0; at < level; ++at) {
    auto above = co_await recut(reader, at, std::move(change), edit.fresh);
    if (!above.ok()) co_return std::move(above).error();
    change = std::move(*above);
  }
  Sides sides = split(level, reader.manifest().records, 0, change.begin, change.end);
  edit.manifest.level = level;
  edit.manifest.records = std::move(sides.before);
  auto& records = edit.manifest.records;
  records.insert(records.end(), change.records.begin(), change.records.end());
  records.insert(records.end(), sides.after.begin(), sides.after.end());
  CO_RETURN_IF_ERROR(raise(edit.manifest, edit.fresh));
  auto lowered = co_await lower(source, edit.manifest, edit.fresh);
  if (!lowered.ok()) co_return std::move(lowered).error();
  if (edit.manifest.records.empty()) edit.manifest.level = 0;
  edit.manifest.settle();
  drop_unreferenced(edit.manifest, edit.fresh);
  co_return std::move(edit);
}

}  // namespace vortex::chunker
