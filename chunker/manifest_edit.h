// Changing a manifest: append, overwrite, truncate, punch a hole, all as one operation.
#pragma once

#include <vector>

#include "chunker/manifest_builder.h"
#include "chunker/manifest_reader.h"

namespace vortex::chunker {

// Nodes that one edit may cut anew, in bytes: it holds them all, and may read as much.
inline constexpr std::size_t kEditBytesMax = 64 * kMiB;

struct ManifestEdit {
  Manifest manifest;                // without a seal
  std::vector<ManifestNode> fresh;  // each once; to be stored before the manifest is used; some may be there already
};

// Bytes [begin, end) of the file give way to `replacement`, which may be longer, shorter or empty. Extents that reach
// into the range keep the rest. A begin beyond the end of the file leaves a hole between; an end beyond it means the
// end. While the length stays, or changes at the end only, a few nodes beside those of the replacement are cut anew;
// else all that come behind. The manifest is valid; its nodes are checked as they are met.
// `invalid_argument` for an impossible range, for one that would move sealed chunks, which are bound to their offsets,
// and for unsealed content in a manifest with a seal. `too_large` when the file or the number of its extents would be,
// or more than kEditBytesMax would be cut anew: such an edit goes in parts, or the file is written again.
// The result equals the manifest built from the new list.
Task<Result<ManifestEdit>> splice(NodeSource& source, Manifest manifest, std::uint64_t begin, std::uint64_t end,
                                  std::vector<Extent> replacement);

}  // namespace vortex::chunker
