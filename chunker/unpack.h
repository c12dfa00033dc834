// From the stored form of a chunk back to bytes of a file.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "chunker/extent.h"
#include "chunker/keys.h"

namespace vortex::chunker {

// How much of an unsealed chunk was checked already by whoever brings it. A sealed one is checked whole in any case:
// its name keeps out older chunks of the same place, its seal what was not made with the file's key.
enum class Trust : std::uint8_t {
  nothing,    // bytes from anywhere: SHA-256 must give the id
  checksums,  // bytes that matched a copy's checksums on the way: only what unpacking itself finds
};

// The bytes that the extent stands for. Not copied when they stand raw in `stored`, unless they are so few of it that
// they would keep more than kSlackMax times their size in memory. `stored` must have the form that
// the extent names: whether a chunk is sealed is the manifest's word, which the owner's key proves, and not that of the
// bytes. `permission_denied` for a sealed one without `file_key`, `damaged` when anything does not fit. Not for holes.
Result<Buffer> unpack(const PlacedExtent& placed, const Buffer& stored, const SecretKey* file_key, Trust trust);

// Is this that form of the chunk? Costs what unpacking costs, but no key: a sealed chunk is named by its sealed bytes.
Status check_stored(const ChunkId& id, const StoredForm& form, ByteView stored);

}  // namespace vortex::chunker
