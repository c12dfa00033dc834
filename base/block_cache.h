// Large blocks of memory that were used before: a fresh one costs a page fault for every 4 KiB, which is more than
// filling it does. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vortex {

// What the cache may hold that nobody uses.
inline constexpr std::size_t kBlockCacheBytesMax = std::size_t(64) << 20;

// Aligned to 4 KiB. Give it back with the size it was asked for with.
std::uint8_t* allocate_block(std::size_t size);
void free_block(std::uint8_t* block, std::size_t size);

}  // namespace vortex
