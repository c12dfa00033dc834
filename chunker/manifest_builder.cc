#include "chunker/manifest_builder.h"

#include <utility>

#include "base/check.h"

namespace vortex::chunker {

void NodeCutter::add(const Record& record, std::vector<ManifestNode>& nodes, std::vector<Record>& references) {
  pending_.push_back(record);
  const bool ends = ends_node(pending_.size(), record, offset_);
  offset_ += record_length(level_, record);
  if (ends) flush(nodes, references);
}

void NodeCutter::flush(std::vector<ManifestNode>& nodes, std::vector<Record>& references) {
  if (pending_.empty()) return;
  NodeReference reference;
  for (const Record& record : pending_) {
    reference.length += record_length(level_, record);
    reference.extents += record_extents(level_, record);
  }
  nodes.push_back(encode_node(level_, pending_));
  reference.node = nodes.back().id;
  references.push_back(encode_reference(reference));
  pending_.clear();
}

void ManifestBuilder::add(const Extent& extent) {
  CHECK(extent.length <= kFileSizeMax - size_);
  size_ += extent.length;
  add(0, encode_extent(extent));
}

void ManifestBuilder::add(std::size_t level, const Record& record) {
  if (level == levels_.size()) levels_.emplace_back(static_cast<std::uint8_t>(level));
  std::vector<Record> input, output;
  {
    Level& here = levels_[level];
    if (!here.overflowed) {
      here.head.push_back(record);
      if (here.head.size() <= kRootRecordsMax) return;
      here.overflowed = true;
      input = std::move(here.head);
    } else {
      input.push_back(record);
    }
    for (const Record& each : input) here.cutter.add(each, nodes_, output);
  }
  for (const Record& each : output) add(level + 1, each);
}

std::vector<ManifestNode> ManifestBuilder::take_nodes() { return std::exchange(nodes_, {}); }

Manifest ManifestBuilder::finish() {
  std::size_t level = 0;
  for (; level < levels_.size() && levels_[level].overflowed; ++level) {
    std::vector<Record> output;
    levels_[level].cutter.flush(nodes_, output);
    for (const Record& each : output) add(level + 1, each);
  }
  Manifest manifest;
  manifest.level = static_cast<std::uint8_t>(level);
  manifest.size = size_;
  if (level < levels_.size()) manifest.records = std::move(levels_[level].head);
  manifest.settle();
  return manifest;
}

}  // namespace vortex::chunker
