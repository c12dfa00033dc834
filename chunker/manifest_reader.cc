#include "chunker/manifest_reader.h"

#include <algorithm>

#include "base/check.h"

namespace vortex::chunker {

Task<Result<const ManifestReader::Place*>> ManifestReader::locate(std::uint8_t level, std::uint64_t offset) {
  CHECK(level < manifest_.level && offset <= manifest_.size);
  path_.resize(manifest_.level);
  // The end of the file belongs to the last node.
  const std::uint64_t byte = std::min(offset, manifest_.size - 1);
  for (int at = manifest_.level; at > level; --at) {
    auto below = static_cast<std::size_t>(at - 1);
    if (path_[below] && path_[below]->begin <= byte && byte < path_[below]->end) continue;
    bool at_root = at == manifest_.level;
    const std::vector<Record>& records = at_root ? manifest_.records : path_[static_cast<std::size_t>(at)]->records;
    Place place;
    NodeReference reference;
    place.begin = at_root ? 0 : path_[static_cast<std::size_t>(at)]->begin;
    for (const Record& record : records) {
      place.end = place.begin + record_length(static_cast<std::uint8_t>(at), record);
      reference = *decode_reference(record);
      if (byte < place.end) break;
      place.begin = place.end;
    }
    place.id = reference.node;
    auto bytes = co_await source_.load(place.id);
    if (!bytes.ok()) co_return std::move(bytes).error();
    const bool last = place.end == manifest_.size;
    auto decoded = decode_node(*bytes, static_cast<std::uint8_t>(below), reference, place.begin, last);
    if (!decoded.ok()) co_return std::move(decoded).error();
    place.records = std::move(*decoded);
    path_[below] = std::move(place);
  }
  co_return &*path_[level];
}

Task<Result<Found>> ManifestReader::find(std::uint64_t offset, std::uint64_t length, std::size_t extents_max) {
  Found found;
  const std::uint64_t begin = std::min(offset, manifest_.size);
  const std::uint64_t end = begin + std::min(length, manifest_.size - begin);
  found.covered_to = begin;
  std::uint64_t noted_to = begin;  // nodes that begin before were noted
  while (found.covered_to < end && found.extents.size() < extents_max) {
    const std::uint64_t before = found.covered_to;
    const std::vector<Record>* records = &manifest_.records;
    std::uint64_t at = 0, leaf_end = manifest_.size;
    if (manifest_.level > 0) {
      auto leaf = co_await locate(0, found.covered_to);
      if (!leaf.ok()) co_return std::move(leaf).error();
      records = &(*leaf)->records;
      at = (*leaf)->begin;
      leaf_end = (*leaf)->end;
      for (const auto& place : path_)
        if (place->begin >= noted_to && place->begin < end) found.nodes.push_back(place->id);
      noted_to = leaf_end;
    }
    for (const Record& record : *records) {
      if (at >= end || found.extents.size() == extents_max) break;
      auto decoded = decode_extent(record);
      PlacedExtent placed;
      placed.offset = at;
      placed.extent = *decoded;
      at += placed.extent.length;
      if (at <= found.covered_to) continue;
      found.extents.push_back(placed);
      found.covered_to = std::min(at, end);
    }
    if (found.covered_to == before) co_return Error(Code::damaged, "manifest: it is longer than its extents");
  }
  co_return std::move(found);
}

}  // namespace vortex::chunker
