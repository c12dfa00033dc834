// Finding extents in a manifest, reading only the nodes on the way.
#pragma once

#include <optional>
#include <vector>

#include "base/task.h"
#include "chunker/manifest.h"

namespace vortex::chunker {

// Where the plain content of manifest chunks comes from.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // Its content is checked by whoever asks.
  virtual Task<Result<ByteVector>> load(ChunkId node) = 0;
};

struct Found {
  std::vector<PlacedExtent> extents;  // whole ones, in order: all that touch the range, or the first `extents_max`
  std::vector<ChunkId> nodes;         // manifest chunks that begin in the covered part of the range, for accounting
  std::uint64_t covered_to = 0;       // where to go on asking; the end of the range when all were found
};

// Remembers the path of the last look, so that going through a file in order loads each node once.
class ManifestReader {
 public:
  // The manifest is valid. `source` outlives the reader.
  ManifestReader(NodeSource& source, Manifest manifest) : source_(source), manifest_(std::move(manifest)) {}

  const Manifest& manifest() const { return manifest_; }
  // What lies in [offset, offset + length), cut off at the end of the file. One call at a time.
  Task<Result<Found>> find(std::uint64_t offset, std::uint64_t length, std::size_t extents_max);

  // A node with its place in the file.
  struct Place {
    ChunkId id;
    std::uint64_t begin = 0, end = 0;
    std::vector<Record> records;
  };
  // The node of that level, below the root's, in which `offset` lies; the last one for the end of the file.
  Task<Result<const Place*>> locate(std::uint8_t level, std::uint64_t offset);

 private:
  NodeSource& source_;
  Manifest manifest_;
  std::vector<std::optional<Place>> path_;  // by level
};

}  // namespace vortex::chunker
