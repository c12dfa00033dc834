#include "wal/value_store/index.h"

#include <algorithm>

#include "base/endian.h"

namespace vortex::wal::values {

namespace {
std::size_t overflow_slots(std::size_t slots) { return std::min<std::size_t>(slots / 4, 32); }
std::size_t slots_for(std::size_t entries) { return entries + entries / 10 + 4; }
std::uint64_t folded(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
bool crowded(std::size_t used, std::size_t slots) { return used * 100 >= slots * 94; }
}  // namespace

std::uint32_t ValueIndex::hash(const Id& id) const {
  auto word = [&id](std::size_t at) { return load_le<std::uint64_t>(id.bytes.data() + at); };
  const std::uint64_t front = folded(word(0) ^ seed_, word(8) ^ 0x9E3779B97F4A7C15u);
  const std::uint64_t back = folded(word(16) ^ ~seed_, word(24) ^ 0xD6E8FEB86659FD93u);
  return static_cast<std::uint32_t>(folded(front ^ 0xA0761D6478BD642Fu, back ^ seed_) >> 32);
}

std::size_t ValueIndex::seek(const Shard& shard, const Id& id, std::uint32_t hash_of_id, bool& found) const {
  found = false;
  std::size_t i = home(shard, hash_of_id);
  for (; i < shard.slots; ++i) {
    const Entry& entry = shard.at(i);
    if (entry.location == 0) return i;
    if (entry.id == id) {
      found = true;
      return i;
    }
    if (hash(entry.id) > hash_of_id) return i;
  }
  return i;
}

Location ValueIndex::find(const Id& id) const {
  const Shard& shard = shards_[id.bytes[0]];
  if (shard.used == 0) return Location();
  bool found = false;
  std::size_t i = seek(shard, id, hash(id), found);
  return found ? Location::from_bits(shard.at(i).location) : Location();
}

Location ValueIndex::put(const Id& id, Location location) {
  CHECK(location);
  Shard& shard = shards_[id.bytes[0]];
  if (shard.slots == 0) resize(shard, 4);
  const std::uint32_t h = hash(id);
  bool found = false;
  std::size_t i = seek(shard, id, h, found);
  if (found) return Location::from_bits(std::exchange(shard.at(i).location, location.bits()));
  if (crowded(shard.used + 1, shard.slots)) {
    grow(shard);
    i = seek(shard, id, h, found);
  }
  std::size_t empty = i;
  while (empty < shard.slots && shard.at(empty).location != 0) ++empty;
  if (empty == shard.slots) {
    grow(shard);
    return put(id, location);
  }
  for (; empty > i; --empty) shard.at(empty) = shard.at(empty - 1);
  shard.at(i) = Entry{id, location.bits()};
  ++shard.used;
  ++size_;
  return Location();
}

Location ValueIndex::erase(const Id& id) {
  Shard& shard = shards_[id.bytes[0]];
  if (shard.used == 0) return Location();
  bool found = false;
  std::size_t i = seek(shard, id, hash(id), found);
  if (!found) return Location();
  Location was = Location::from_bits(shard.at(i).location);
  // Those behind that are away from home move up.
  for (; i + 1 < shard.slots; ++i) {
    Entry& next = shard.at(i + 1);
    if (next.location == 0 || home(shard, hash(next.id)) == i + 1) break;
    shard.at(i) = next;
  }
  shard.at(i) = Entry();
  --shard.used;
  --size_;
  std::size_t least = slots_for(shard.used);
  if (shard.slots > 2 * kPageSlots && least < shard.slots / 2) resize(shard, least);
  return was;
}

void ValueIndex::resize(Shard& shard, std::size_t slots) {
  std::vector<Entry> entries;
  entries.reserve(shard.used);
  for (std::size_t i = 0; i < shard.slots; ++i)
    if (shard.at(i).location != 0) entries.push_back(shard.at(i));
  for (;;) {
    CHECK(slots > entries.size());
    if (slots > kPageSlots) {
      slots = (slots + kPageSlots - 1) / kPageSlots * kPageSlots;
      if (shard.slots < kPageSlots) shard.pages.clear();
    } else {
      shard.pages.clear();
    }
    std::size_t pages = (slots + kPageSlots - 1) / kPageSlots;
    if (shard.pages.size() > pages) shard.pages.resize(pages);
    for (auto& page : shard.pages) std::fill_n(page.get(), kPageSlots, Entry());
    while (shard.pages.size() < pages) shard.pages.push_back(std::make_unique<Entry[]>(std::min(slots, kPageSlots)));
    shard.slots = slots;
    shard.homes = slots - overflow_slots(slots);
    // In the order of hashes already: the table is.
    std::size_t next = 0;
    bool fits = true;
    for (const Entry& entry : entries) {
      next = std::max(next, home(shard, hash(entry.id)));
      if (next >= slots) {
        fits = false;
        break;
      }
      shard.at(next++) = entry;
    }
    if (fits) return;
    slots += std::max<std::size_t>(4, slots / 16);
  }
}

void ValueIndex::grow(Shard& shard) {
  std::size_t more = shard.slots < kPageSlots ? shard.slots : std::max(kPageSlots, shard.slots / 20);
  std::size_t slots = shard.slots + more;
  if (shard.slots < kPageSlots && slots > kPageSlots) slots = kPageSlots;
  resize(shard, slots);
}

void ValueIndex::reserve_more(std::size_t shard, std::size_t entries) {
  Shard& it = shards_[shard];
  if (std::size_t slots = slots_for(it.used + entries); slots > it.slots) resize(it, slots);
}

std::size_t ValueIndex::bytes() const {
  std::size_t total = sizeof *this;
  for (const Shard& shard : shards_) {
    total += shard.pages.capacity() * sizeof(shard.pages[0]);
    total += shard.slots <= kPageSlots ? shard.slots * sizeof(Entry) + 8 : shard.pages.size() * 4096;
  }
  return total;
}

void ValueIndex::copy_shard(std::size_t shard, std::vector<Entry>& out) const {
  const Shard& from = shards_[shard];
  for (std::size_t i = 0; i < from.slots; ++i)
    if (from.at(i).location != 0) out.push_back(from.at(i));
}

std::vector<Id> ValueIndex::list(const std::optional<Id>& after, std::size_t max) const {
  std::vector<Id> ids;
  for (std::size_t shard = after ? after->bytes[0] : 0; shard < kShards && ids.size() < max; ++shard) {
    std::size_t begin = ids.size();
    const Shard& from = shards_[shard];
    for (std::size_t i = 0; i < from.slots; ++i)
      if (const Entry& entry = from.at(i); entry.location != 0 && (!after || entry.id > *after))
        ids.push_back(entry.id);
    std::size_t wanted = std::min(ids.size(), max);
    std::partial_sort(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                      ids.begin() + static_cast<std::ptrdiff_t>(wanted), ids.end());
    ids.resize(wanted);
  }
  return ids;
}

}  // namespace vortex::wal::values
