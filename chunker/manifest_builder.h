// A manifest made from a list of extents as they come, in bounded memory.
#pragma once

#include <vector>

#include "chunker/manifest.h"

namespace vortex::chunker {

// Cuts a list of records of one level into nodes.
class NodeCutter {
 public:
  // The first record begins at `offset` of the file.
  NodeCutter(std::uint8_t level, std::uint64_t offset) : level_(level), offset_(offset) {}
  // Nodes that are finished go to `nodes` and their references to `references`.
  void add(const Record& record, std::vector<ManifestNode>& nodes, std::vector<Record>& references);
  void flush(std::vector<ManifestNode>& nodes, std::vector<Record>& references);
  // At the beginning of a node.
  bool between_nodes() const { return pending_.empty(); }

 private:
  std::uint8_t level_;
  std::uint64_t offset_;  // of the next record
  std::vector<Record> pending_;
};

class ManifestBuilder {
 public:
  void add(const Extent& extent);
  // Nodes that must be stored before the manifest is used; take them now and then. Levels that stay small make none.
  std::vector<ManifestNode> take_nodes();
  // Once; then take_nodes() for the last time.
  Manifest finish();

 private:
  struct Level {
    explicit Level(std::uint8_t number) : cutter(number, 0) {}
    std::vector<Record> head;  // all records, while they would fit the root
    bool overflowed = false;
    NodeCutter cutter;
  };
  void add(std::size_t level, const Record& record);

  std::vector<Level> levels_;
  std::vector<ManifestNode> nodes_;
  std::uint64_t size_ = 0;
};

}  // namespace vortex::chunker
