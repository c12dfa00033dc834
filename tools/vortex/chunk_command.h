// What storing a file would make of it: `vortex chunk FILE`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/env.h"
#include "chunker/manifest.h"
#include "chunker/pipeline.h"
#include "chunker/policy.h"

namespace vortex {

struct ChunkReport {
  struct Line {
    std::uint64_t offset = 0;
    chunker::Extent extent;
    bool duplicate = false;  // of an earlier chunk of the same file
  };
  std::uint64_t size = 0;  // of the file
  std::uint64_t chunks = 0, compressed = 0;
  std::uint64_t smallest = 0, largest = 0;  // chunks, plain
  std::uint64_t stored = 0;                 // bytes of one copy of each different chunk, or of its shards
  std::uint64_t duplicates = 0, duplicate_bytes = 0;
  std::uint64_t manifest_nodes = 0, manifest_bytes = 0;
  std::string etag;
  std::vector<Line> lines;  // when asked for

  double mean() const { return chunks == 0 ? 0 : static_cast<double>(size) / static_cast<double>(chunks); }
  // Bytes of the file for each byte stored.
  double ratio() const { return stored == 0 ? 1 : static_cast<double>(size) / static_cast<double>(stored); }
};

// Reads the file once and runs it through the pipeline; stores nothing. A sealing policy gets a key for the occasion.
Task<Result<ChunkReport>> examine_file(Env& env, std::string path, chunker::Policy policy, bool lines);

}  // namespace vortex
