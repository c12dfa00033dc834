#include "chunker/manifest_edit.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/check.h"

namespace vortex::chunker {
namespace {

// A replacement on one level: the records that make up [begin, end) of the old file give way to `records`.
struct Change {
  std::uint64_t begin = 0, end = 0;
  std::vector<Record> records;
};

// The nodes that an edit makes, each once.
class FreshNodes {
 public:
  // Takes what was just cut; `too_large` when that is more than an edit may cut.
  Status keep(std::vector<ManifestNode> cut) {
    for (ManifestNode& node : cut) {
      cut_bytes_ += node.bytes.size();
      if (cut_bytes_ > kEditBytesMax) return Error(Code::too_large, "the edit would rewrite too much of a manifest");
      if (by_id_.try_emplace(node.id, nodes_.size()).second) nodes_.push_back(std::move(node));
    }
    return {};
  }
  const ManifestNode* find(const ChunkId& id) const {
    auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &nodes_[found->second];
  }
  // Those below `level`; the others are no longer referred to.
  std::vector<ManifestNode> take_below(std::uint8_t level) {
    std::erase_if(nodes_, [level](const ManifestNode& node) { return node.level >= level; });
    return std::move(nodes_);
  }

 private:
  std::size_t cut_bytes_ = 0;
  std::vector<ManifestNode> nodes_;
  std::map<ChunkId, std::size_t> by_id_;
};

bool any_sealed(const std::vector<Record>& extents) {
  return std::any_of(extents.begin(), extents.end(),
                     [](const Record& record) { return decode_extent(record)->sealed; });
}

Error moves_sealed() {
  return Error(Code::invalid_argument, "sealed chunks stay at their offsets: the length may change at the end only");
}

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

// Widens the range to whole extents; their rests outside it join the replacement. `moved`: what comes behind the range
// gets another offset.
Task<Result<Change>> align(ManifestReader& reader, std::uint64_t begin, std::uint64_t end,
                           std::vector<Extent> replacement, bool moved) {
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
      if (moved && last.extent.sealed) co_return moves_sealed();
      std::uint64_t used = end - last.offset;
      right.push_back(last.extent.part(used, last.extent.length - used));
      change.end = last.offset + last.extent.length;
    }
  }
  for (const std::vector<Extent>* extents : {&left, &replacement, &right})
    for (const Extent& extent : *extents) change.records.push_back(encode_extent(extent));
  co_return std::move(change);
}

// Cuts the nodes of one level anew from the one in which the change begins until the cuts meet the old ones again,
// which they never do where what comes behind is `moved`. The result is the change of the level above.
Task<Result<Change>> recut(ManifestReader& reader, std::uint8_t level, Change change, bool moved, FreshNodes& fresh) {
  const std::uint64_t size = reader.manifest().size;
  Change above;
  std::vector<ManifestNode> cut;
  auto first = co_await reader.locate(level, change.begin);
  if (!first.ok()) co_return std::move(first).error();
  above.begin = (*first)->begin;
  NodeCutter cutter(level, above.begin);
  const Sides first_sides = split(level, (*first)->records, above.begin, change.begin, change.end);
  for (const Record& record : first_sides.before) cutter.add(record, cut, above.records);
  for (const Record& record : change.records) {
    cutter.add(record, cut, above.records);
    CO_RETURN_IF_ERROR(fresh.keep(std::exchange(cut, {})));
  }
  std::uint64_t at = change.end;
  while (at < size) {
    auto next = co_await reader.locate(level, at);
    if (!next.ok()) co_return std::move(next).error();
    if (!moved && cutter.between_nodes() && (*next)->begin == at) break;
    const Sides sides = split(level, (*next)->records, (*next)->begin, at, at);
    if (moved && level == 0 && any_sealed(sides.after)) co_return moves_sealed();
    for (const Record& record : sides.after) cutter.add(record, cut, above.records);
    CO_RETURN_IF_ERROR(fresh.keep(std::exchange(cut, {})));
    at = (*next)->end;
  }
  if (at == size) cutter.flush(cut, above.records);
  CO_RETURN_IF_ERROR(fresh.keep(std::move(cut)));
  above.end = at;
  co_return std::move(above);
}

// A node that was just made, or is loaded.
Task<Result<ByteVector>> bytes_of(NodeSource& source, ChunkId id, const FreshNodes& fresh) {
  const ManifestNode* made = fresh.find(id);
  if (made != nullptr) co_return made->bytes;
  co_return co_await source.load(id);
}

// Levels that the root no longer needs: its children's records come up while all of them fit.
Task<Status> lower(NodeSource& source, Manifest& manifest, const FreshNodes& fresh) {
  // More children than this have more than kRootRecordsMax records, since only the last may be below the minimum.
  constexpr std::size_t kChildrenMax = (kRootRecordsMax - 1) / kNodeRecordsMin + 1;
  while (manifest.level > 0 && manifest.records.size() <= kChildrenMax) {
    auto below = static_cast<std::uint8_t>(manifest.level - 1);
    std::vector<Record> records;
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < manifest.records.size() && records.size() <= kRootRecordsMax; ++i) {
      const NodeReference reference = *decode_reference(manifest.records[i]);
      auto bytes = co_await bytes_of(source, reference.node, fresh);
      if (!bytes.ok()) co_return std::move(bytes).error();
      const bool last = i + 1 == manifest.records.size();
      auto decoded = decode_node(*bytes, below, reference, offset, last);
      if (!decoded.ok()) co_return std::move(decoded).error();
      offset += reference.length;
      records.insert(records.end(), decoded->begin(), decoded->end());
    }
    if (records.size() > kRootRecordsMax) break;
    manifest.records = std::move(records);
    manifest.level = below;
  }
  co_return Status();
}

// A root that has become too long gets levels below it.
Status raise(Manifest& manifest, FreshNodes& fresh) {
  while (manifest.records.size() > kRootRecordsMax) {
    if (manifest.level == kManifestLevelMax) return Error(Code::too_large, "manifest would have too many levels");
    std::vector<Record> references;
    std::vector<ManifestNode> cut;
    NodeCutter cutter(manifest.level, 0);
    for (const Record& record : manifest.records) {
      cutter.add(record, cut, references);
      RETURN_IF_ERROR(fresh.keep(std::exchange(cut, {})));
    }
    cutter.flush(cut, references);
    RETURN_IF_ERROR(fresh.keep(std::move(cut)));
    manifest.records = std::move(references);
    ++manifest.level;
  }
  return {};
}

// Is this an edit that a file with a seal may undergo? A part that stands in the clear would be damaged when it is
// read.
Status check_sealed(const std::vector<Extent>& replacement, bool moved) {
  if (moved) return moves_sealed();
  auto clear = [](const Extent& extent) { return !extent.is_hole() && !extent.sealed; };
  if (std::any_of(replacement.begin(), replacement.end(), clear))
    return Error(Code::invalid_argument, "unsealed content has no place in a sealed file");
  return {};
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
  if (begin == end && replacement.empty()) {
    edit.manifest = std::move(manifest);
    co_return std::move(edit);
  }
  edit.manifest.size = manifest.size - (end - begin);
  for (const Extent& extent : replacement) {
    if (extent.length > kFileSizeMax - edit.manifest.size) co_return Error(Code::too_large, "file too large");
    edit.manifest.size += extent.length;
  }
  // The rests at both ends of the range may add an extent each.
  auto totals = add_up(manifest.level, manifest.records);
  if (!totals.ok()) co_return std::move(totals).error();
  if (replacement.size() + 2 > kExtentsMax - totals->extents) co_return Error(Code::too_large, "too many extents");
  const bool moved = end < manifest.size && edit.manifest.size != manifest.size;
  if (manifest.seal) CO_RETURN_IF_ERROR(check_sealed(replacement, moved));
  const std::uint8_t level = manifest.level;
  FreshNodes fresh;
  ManifestReader reader(source, std::move(manifest));
  auto aligned = co_await align(reader, begin, end, std::move(replacement), moved);
  if (!aligned.ok()) co_return std::move(aligned).error();
  Change change = std::move(*aligned);
  for (std::uint8_t at = 0; at < level; ++at) {
    auto above = co_await recut(reader, at, std::move(change), moved, fresh);
    if (!above.ok()) co_return std::move(above).error();
    change = std::move(*above);
  }
  Sides sides = split(level, reader.manifest().records, 0, change.begin, change.end);
  if (moved && level == 0 && any_sealed(sides.after)) co_return moves_sealed();
  edit.manifest.level = level;
  edit.manifest.records = std::move(sides.before);
  auto& records = edit.manifest.records;
  records.insert(records.end(), change.records.begin(), change.records.end());
  records.insert(records.end(), sides.after.begin(), sides.after.end());
  CO_RETURN_IF_ERROR(raise(edit.manifest, fresh));
  auto lowered = co_await lower(source, edit.manifest, fresh);
  if (!lowered.ok()) co_return std::move(lowered).error();
  if (edit.manifest.records.empty()) edit.manifest.level = 0;
  edit.manifest.settle();
  // Lowering may have left nodes that nothing refers to.
  edit.fresh = fresh.take_below(edit.manifest.level);
  co_return std::move(edit);
}

}  // namespace vortex::chunker
