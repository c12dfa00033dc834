#include "base/block_cache.h"

#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VORTEX_BLOCK_CACHE 0  // the sanitizers see more when nothing is used again
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VORTEX_BLOCK_CACHE 0
#endif
#endif
#ifndef VORTEX_BLOCK_CACHE
#define VORTEX_BLOCK_CACHE 1
#endif

namespace vortex {

namespace {

constexpr std::align_val_t kAlignment{4096};
constexpr std::size_t kSmallest = std::size_t(64) << 10;
constexpr std::size_t kLargest = std::size_t(16) << 20;

std::uint8_t* fresh(std::size_t size) { return static_cast<std::uint8_t*>(::operator new(size, kAlignment)); }

bool cached(std::size_t size) { return VORTEX_BLOCK_CACHE != 0 && size >= kSmallest && size <= kLargest; }

// Four sizes in each doubling, so that at most a fifth of a block is not used.
struct SizeClass {
  explicit SizeClass(std::size_t wanted) {
    std::size_t power = std::bit_floor(wanted);
    std::size_t step = power / 4;
    std::size_t steps = (wanted - power + step - 1) / step;
    size = power + steps * step;
    index = static_cast<std::size_t>(std::countr_zero(power)) * 4 + steps;
  }
  std::size_t size, index;
};

class Cache {
 public:
  std::uint8_t* take(std::size_t index, std::size_t size) {
    std::lock_guard lock(mutex_);
    auto& blocks = free_[index];
    if (blocks.empty()) return nullptr;
    std::uint8_t* block = blocks.back();
    blocks.pop_back();
    bytes_ -= size;
    return block;
  }
  bool keep(std::size_t index, std::size_t size, std::uint8_t* block) {
    std::lock_guard lock(mutex_);
    if (bytes_ + size > kBlockCacheBytesMax) return false;
    free_[index].push_back(block);
    bytes_ += size;
    return true;
  }

 private:
  std::mutex mutex_;
  std::size_t bytes_ = 0;
  std::array<std::vector<std::uint8_t*>, 128>
      free_;  // the last used on top: most likely still in the processor's cache
};

// Never destroyed: blocks may come back while the program ends.
Cache& cache() {
  static Cache& one = *new Cache;
  return one;
}

}  // namespace

std::uint8_t* allocate_block(std::size_t size) {
  if (!cached(size)) return fresh(size);
  SizeClass wanted(size);
  std::uint8_t* block = cache().take(wanted.index, wanted.size);
  return block ? block : fresh(wanted.size);
}

void free_block(std::uint8_t* block, std::size_t size) {
  if (cached(size)) {
    SizeClass given(size);
    if (cache().keep(given.index, given.size, block)) return;
  }
  ::operator delete(block, kAlignment);
}

}  // namespace vortex
