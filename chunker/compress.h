// LZ4, where it pays.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "chunker/policy.h"

namespace vortex::chunker {

// The largest compressed form that is worth having: at least 5% smaller. A stored chunk never exceeds it.
constexpr std::size_t packed_max(std::size_t plain_size) { return plain_size - (plain_size + 19) / 20; }

// A look at a sample: false for what is compressed or encrypted already. It may be wrong either way, at the cost of
// some time or some space.
bool may_shrink(ByteView plain);

// Into `out`, which has at least packed_max(plain.size()) bytes; returns how many it wrote, 0 when it does not pay
// (then `out` holds anything). Deterministic.
std::size_t compress(Compression how, ByteView plain, MutableBytes out);

// `damaged` unless `packed` is exactly one LZ4 block of plain.size() bytes.
Status decompress(ByteView packed, MutableBytes plain);

}  // namespace vortex::chunker
