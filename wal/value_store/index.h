// Where every value is, in memory: 40 bytes a slot, and slots nearly full.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/id.h"
#include "wal/value_store/location.h"

namespace vortex::wal::values {

// A hash table in 256 shards by the first byte of the id. Within a shard, slots lie in the order of a seeded hash and
// each as near as possible behind its home; so a lookup is short though hardly a slot is empty, and a shard grows by
// pages of one size, without leaving holes in the heap.
class ValueIndex {
 public:
  static constexpr std::size_t kShards = 256;

  struct Entry {
    Id id;
    std::uint64_t location = 0;  // 0: empty
  };
  static_assert(sizeof(Entry) == 40);

  // Ids may be chosen by strangers; the seed keeps them from choosing collisions.
  explicit ValueIndex(std::uint64_t seed) : seed_(seed) {}

  Location find(const Id& id) const;  // false when it is absent
  // Adds or replaces; gives what was there.
  Location put(const Id& id, Location location);
  // Gives what was there.
  Location erase(const Id& id);

  // Every byte of the id decides where it lies.
  std::uint32_t hash(const Id& id) const;

  std::size_t size() const { return size_; }
  // Memory taken, all of it.
  std::size_t bytes() const;

  // At most `max` ids above `after` (or from the smallest), in order. Whatever is there all the time is seen by who
  // asks again with the last id got.
  std::vector<Id> list(const std::optional<Id>& after, std::size_t max) const;
  // Appends a shard's entries.
  void copy_shard(std::size_t shard, std::vector<Entry>& out) const;
  // Room for so many more entries in a shard at once.
  void reserve_more(std::size_t shard, std::size_t entries);
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Shard& shard : shards_)
      for (std::size_t i = 0; i < shard.slots; ++i)
        if (const Entry& entry = shard.at(i); entry.location != 0) visit(entry);
  }

 private:
  // malloc adds 8 bytes to a block; with them a page is exactly 4 KiB.
  static constexpr std::size_t kPageSlots = (4096 - 8) / sizeof(Entry);

  struct Shard {
    std::vector<std::unique_ptr<Entry[]>> pages;  // all of kPageSlots, except when there is only one
    std::size_t slots = 0;
    std::size_t homes = 0;  // the first so many slots are somebody's home; those behind take what is pushed out
    std::size_t used = 0;
    Entry& at(std::size_t i) { return pages[i / kPageSlots][i % kPageSlots]; }
    const Entry& at(std::size_t i) const { return pages[i / kPageSlots][i % kPageSlots]; }
  };

  static std::size_t home(const Shard& shard, std::uint32_t hash) {
    return static_cast<std::size_t>(std::uint64_t(hash) * shard.homes >> 32);
  }
  // The slot of the id, or where it would have to be: the first that is empty or belongs behind it.
  std::size_t seek(const Shard& shard, const Id& id, std::uint32_t hash, bool& found) const;
  void resize(Shard& shard, std::size_t slots);
  void grow(Shard& shard);

  std::uint64_t seed_;
  std::size_t size_ = 0;
  std::array<Shard, kShards> shards_;
};

}  // namespace vortex::wal::values
