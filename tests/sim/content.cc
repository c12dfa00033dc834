#include "tests/sim/content.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace vortex::sim {

namespace {
std::uint8_t sector_bits(std::size_t from, std::size_t to) {
  std::size_t first = from / Content::kSector, last = (to - 1) / Content::kSector;
  return static_cast<std::uint8_t>((0xffu >> (7 - last)) & (0xffu << first));
}

bool all_zero(ByteView bytes) {
  return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}
}  // namespace

Content::~Content() { set_counted(false); }

void Content::set_counted(bool counted) {
  if (counted == counted_) return;
  counted_ = counted;
  space_->used = counted ? space_->used + pages_ * kPage : space_->used - pages_ * kPage;
}

Content::Leaf& Content::leaf(std::uint64_t page) {
  std::uint64_t index = page / kSlots;
  if (!last_leaf_ || last_index_ != index) {
    last_leaf_ = &leaves_[index];
    last_index_ = index;
  }
  return const_cast<Leaf&>(*last_leaf_);
}

const Content::Slot* Content::find(std::uint64_t page) const {
  std::uint64_t index = page / kSlots;
  if (!last_leaf_ || last_index_ != index) {
    auto at = leaves_.find(index);
    if (at == leaves_.end()) return nullptr;
    last_leaf_ = &at->second;
    last_index_ = index;
  }
  return last_leaf_->slots ? &(*last_leaf_->slots)[page % kSlots] : nullptr;
}

Content::Slot& Content::slot(std::uint64_t page) {
  Leaf& at = leaf(page);
  if (!at.slots) at.slots = std::make_unique<std::array<Slot, kSlots>>();
  return (*at.slots)[page % kSlots];
}

bool Content::reserve(std::uint64_t page) {
  std::uint64_t& reserved = leaf(page).reserved;
  std::uint64_t bit = std::uint64_t(1) << page % kSlots;
  if (reserved & bit) return true;
  if (counted_ && space_->used + kPage > space_->capacity) return false;
  reserved |= bit;
  ++pages_;
  if (counted_) space_->used += kPage;
  return true;
}

void Content::release(std::uint64_t page) {
  std::uint64_t& reserved = leaf(page).reserved;
  std::uint64_t bit = std::uint64_t(1) << page % kSlots;
  if (!(reserved & bit)) return;
  reserved &= ~bit;
  --pages_;
  if (counted_) space_->used -= kPage;
}

std::size_t Content::read(std::uint64_t offset, MutableBytes into) const {
  if (offset >= size_) return 0;
  std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
  for (std::size_t done = 0; done < size;) {
    std::size_t from = (offset + done) % kPage;
    std::size_t part = std::min(kPage - from, size - done);
    const Slot* at = find((offset + done) / kPage);
    if (at && at->now) {
      std::memcpy(into.data() + done, at->now->data() + from, part);
    } else {
      std::memset(into.data() + done, 0, part);
    }
    done += part;
  }
  return size;
}

void Content::touch(std::uint64_t page, Slot& at, std::size_t from, std::size_t to, bool overwritten) {
  if (!at.unsynced) {
    at.unsynced = std::make_unique<Unsynced>();
    if (overwritten) {
      at.unsynced->durable = std::move(at.now);
    } else if (at.now) {
      at.unsynced->durable = std::make_unique<Page>(*at.now);
    }
  }
  Unsynced& unsynced = *at.unsynced;
  std::uint8_t bits = sector_bits(from, to);
  std::uint8_t covered = static_cast<std::uint8_t>(bits & unsynced.syncing & ~unsynced.dirty);
  if (covered) {
    if (!unsynced.middle) unsynced.middle = std::make_unique<Page>();
    copy_sectors(covered, at.now.get(), *unsynced.middle);
  }
  if (unsynced.dirty == 0) dirty_.push_back(page);
  unsynced.dirty |= bits;
}

void Content::copy_sectors(std::uint8_t bits, const Page* from, Page& to) {
  for (std::size_t sector = 0; sector < kPage / kSector; ++sector) {
    if (!(bits >> sector & 1)) continue;
    std::uint8_t* target = to.data() + sector * kSector;
    if (from) {
      std::memcpy(target, from->data() + sector * kSector, kSector);
    } else {
      std::memset(target, 0, kSector);
    }
  }
}

void Content::write_page(std::uint64_t page, std::size_t from, ByteView bytes) {
  Slot& at = slot(page);
  bool whole = bytes.size() == kPage;
  bool zeros = all_zero(bytes);
  touch(page, at, from, from + bytes.size(), whole);
  if (whole && zeros) {
    at.now.reset();
  } else if (at.now || !zeros) {
    if (!at.now) at.now = whole ? std::make_unique_for_overwrite<Page>() : std::make_unique<Page>();
    std::memcpy(at.now->data() + from, bytes.data(), bytes.size());
  }
}

void Content::zero(std::uint64_t page, std::size_t from, std::size_t to) {
  const Slot* there = find(page);
  if (!there || !there->now) return;
  Slot& at = slot(page);
  bool whole = to - from == kPage;
  touch(page, at, from, to, whole);
  if (whole) {
    at.now.reset();
  } else {
    std::memset(at.now->data() + from, 0, to - from);
  }
}

std::size_t Content::write(std::uint64_t offset, ByteView bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    std::uint64_t page = (offset + done) / kPage;
    std::size_t from = (offset + done) % kPage;
    std::size_t part = std::min(kPage - from, bytes.size() - done);
    if (!reserve(page)) break;
    write_page(page, from, bytes.subspan(done, part));
    done += part;
  }
  if (done > 0) size_ = std::max(size_, offset + done);
  return done;
}

bool Content::allocate(std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return true;
  std::uint64_t first = offset / kPage, end = (offset + length + kPage - 1) / kPage;
  std::uint64_t wanted = 0;
  for (std::uint64_t page = first; page < end; ++page)
    if (!(leaf(page).reserved >> page % kSlots & 1)) ++wanted;
  if (counted_ && space_->used + wanted * kPage > space_->capacity) return false;
  for (std::uint64_t page = first; page < end; ++page) reserve(page);
  size_ = std::max(size_, offset + length);
  return true;
}

void Content::punch(std::uint64_t offset, std::uint64_t length) {
  std::uint64_t end = std::min(offset + length, size_);
  while (offset < end) {
    std::uint64_t page = offset / kPage;
    std::size_t from = offset % kPage;
    std::size_t to = static_cast<std::size_t>(std::min<std::uint64_t>(kPage, from + (end - offset)));
    zero(page, from, to);
    if (to - from == kPage) release(page);
    offset += to - from;
  }
}

void Content::truncate(std::uint64_t size) {
  if (size < size_) {
    if (size % kPage) zero(size / kPage, size % kPage, kPage);
    std::uint64_t first = (size + kPage - 1) / kPage;
    for (auto at = leaves_.lower_bound(first / kSlots); at != leaves_.end(); ++at) {
      for (std::uint64_t page = at->first * kSlots; page < (at->first + 1) * kSlots; ++page) {
        if (page < first) continue;
        zero(page, 0, kPage);
        release(page);
      }
    }
  }
  size_ = size;
}

void Content::begin_sync() {
  CHECK(!under_sync_);
  under_sync_ = true;
  syncing_ = std::move(dirty_);
  dirty_.clear();
  for (std::uint64_t page : syncing_) {
    Unsynced& unsynced = *slot(page).unsynced;
    unsynced.syncing = std::exchange(unsynced.dirty, std::uint8_t(0));
  }
  size_syncing_ = size_;
}

void Content::end_sync(bool success) {
  for (std::uint64_t page : syncing_) {
    Slot& at = slot(page);
    Unsynced& unsynced = *at.unsynced;
    if (success) {
      unsynced.lost = static_cast<std::uint8_t>(unsynced.lost & ~unsynced.syncing);
      if (unsynced.dirty | unsynced.lost) {
        if (!unsynced.durable) unsynced.durable = std::make_unique<Page>();
        auto overwritten = static_cast<std::uint8_t>(unsynced.syncing & unsynced.dirty);
        copy_sectors(overwritten, unsynced.middle.get(), *unsynced.durable);
        copy_sectors(static_cast<std::uint8_t>(unsynced.syncing & ~overwritten), at.now.get(), *unsynced.durable);
      }
    } else {
      unsynced.lost |= unsynced.syncing;
    }
    unsynced.syncing = 0;
    unsynced.middle.reset();
    if (!(unsynced.dirty | unsynced.lost)) at.unsynced.reset();
  }
  syncing_.clear();
  under_sync_ = false;
  if (success) size_durable_ = size_syncing_;
}

void Content::abandon_sync() {
  for (std::uint64_t page : syncing_) {
    Unsynced& unsynced = *slot(page).unsynced;
    if (unsynced.dirty == 0) dirty_.push_back(page);
    unsynced.dirty |= std::exchange(unsynced.syncing, std::uint8_t(0));
    unsynced.middle.reset();
  }
  syncing_.clear();
  under_sync_ = false;
}

void Content::settle(Slot& at, Dice& dice, double survives, std::size_t unit) {
  Unsynced& unsynced = *at.unsynced;
  Page result;
  for (std::size_t start = 0; start < kPage; start += unit) {
    bool stays = dice.chance(survives);
    bool middle = dice.one_in(3);
    for (std::size_t offset = start; offset < start + unit; offset += kSector) {
      auto bit = static_cast<std::uint8_t>(1u << offset / kSector);
      const Page* source = at.now.get();
      if (unsynced.dirty & bit & unsynced.syncing && middle) source = unsynced.middle.get();
      if ((unsynced.dirty | unsynced.syncing | unsynced.lost) & bit && !stays) source = unsynced.durable.get();
      copy_sectors(bit, source, result);
    }
  }
  at.unsynced.reset();
  at.now = all_zero(result) ? nullptr : std::make_unique<Page>(result);
}

void Content::power_cut(Dice& dice, std::size_t unit) {
  // Sometimes nothing was written back yet, sometimes nearly all of it.
  static constexpr double kSurvives[] = {0.0, 0.1, 0.5, 0.9, 1.0};
  const double survives = kSurvives[dice.below(std::size(kSurvives))];
  std::uint64_t size = dice.chance(survives) ? size_ : size_durable_;
  if (size_ > size_durable_ && dice.one_in(3)) size = dice.between(size_durable_, size_) / unit * unit;
  size = std::max(size, std::min(size_, size_durable_));
  for (auto& [index, leaf] : leaves_) {
    if (!leaf.slots) continue;
    for (std::size_t i = 0; i < kSlots; ++i) {
      Slot& at = (*leaf.slots)[i];
      if (at.unsynced) settle(at, dice, survives, unit);
    }
  }
  dirty_.clear();
  syncing_.clear();
  under_sync_ = false;
  size_ = std::max(size_, size_durable_);
  cut_tail(size);
  size_ = size_syncing_ = size_durable_ = size;
  for (std::uint64_t page : written_pages()) {
    // A removed tail came back: it takes room again, also on a full drive.
    std::uint64_t bit = std::uint64_t(1) << page % kSlots;
    if (leaf(page).reserved & bit) continue;
    leaf(page).reserved |= bit;
    ++pages_;
    if (counted_) space_->used += kPage;
  }
}

void Content::cut_tail(std::uint64_t size) {
  std::uint64_t first = size / kPage;
  for (auto at = leaves_.lower_bound(first / kSlots); at != leaves_.end(); ++at) {
    if (!at->second.slots) continue;
    for (std::size_t i = 0; i < kSlots; ++i) {
      std::uint64_t page = at->first * kSlots + i;
      std::unique_ptr<Page>& now = (*at->second.slots)[i].now;
      if (page < first || !now) continue;
      if (page == first && size % kPage) {
        std::memset(now->data() + size % kPage, 0, kPage - size % kPage);
      } else {
        now.reset();
      }
    }
  }
}

void Content::flip_bit(std::uint64_t offset, unsigned bit) {
  Slot& at = slot(offset / kPage);
  auto mask = static_cast<std::uint8_t>(1u << bit);
  if (!at.now) at.now = std::make_unique<Page>();
  (*at.now)[offset % kPage] ^= mask;
  if (at.unsynced && at.unsynced->durable) (*at.unsynced->durable)[offset % kPage] ^= mask;
}

std::vector<std::uint64_t> Content::written_pages() const {
  std::vector<std::uint64_t> pages;
  for (const auto& [index, leaf] : leaves_) {
    if (!leaf.slots) continue;
    for (std::size_t i = 0; i < kSlots; ++i)
      if ((*leaf.slots)[i].now) pages.push_back(index * kSlots + i);
  }
  return pages;
}

bool Content::uncertain() const {
  if (size_ != size_durable_) return true;
  for (const auto& [index, leaf] : leaves_) {
    if (!leaf.slots) continue;
    for (const Slot& at : *leaf.slots)
      if (at.unsynced) return true;
  }
  return false;
}

}  // namespace vortex::sim
