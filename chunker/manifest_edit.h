// Changing a manifest: append, overwrite, truncate, punch a hole, all as one operation.
#pragma once

#include <vector>

#include "chunker/manifest_builder.h"
#include "chunker/manifest_reader.h"

namespace vortex::chunker {

struct ManifestEdit {
  Manifest manifest;                // without a seal
  std::vector<ManifestNode> fresh;  // to be stored before the manifest is used; some may be there already
};

// Bytes [begin, end) of the file give way to `replacement`, which may be longer, shorter or empty. Extents that reach
// into the range keep the rest. A begin beyond the end of the file leaves a hole between; an end beyond it means the
// end. In a sealed file chunks are bound to their offsets, so there the length must not change except at the end.
// The manifest is valid; its nodes are checked as they are met. `invalid_argument` for an impossible range, `too_large`
// when the file or the number of its extents would be. The result equals the manifest built from the new list.
Task<Result<ManifestEdit>> splice(NodeSource& source, Manifest manifest, std::uint64_t begin, std::uint64_t end,
                                  std::vector<Extent> replacement);

}  // namespace vortex::chunker
