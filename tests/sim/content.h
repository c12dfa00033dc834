// The bytes of one simulated file: what the page cache shows, and what the platter would show after a power cut.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "tests/sim/dice.h"

namespace vortex::sim {

// Room on a drive, in use by all its files.
struct Space {
  std::uint64_t capacity = 0;
  std::uint64_t used = 0;
};

// Sparse: a page that was never written, or is all zeros, takes no memory. A sector (512 bytes) is uncertain from the
// moment it is written until a sync that began later has succeeded; of an uncertain sector a power cut leaves the old
// bytes or the new ones.
class Content {
 public:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kSector = 512;

  explicit Content(Space& space) : space_(&space) {}
  ~Content();
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  std::uint64_t size() const { return size_; }
  // Pages that are written or reserved.
  std::uint64_t pages() const { return pages_; }
  // Fewer bytes than asked for only at the end.
  std::size_t read(std::uint64_t offset, MutableBytes into) const;
  // How many of the bytes fitted on the drive: all or, when it is full, the first of them.
  std::size_t write(std::uint64_t offset, ByteView bytes);
  // False, and nothing done, when the drive is too full.
  bool allocate(std::uint64_t offset, std::uint64_t length);
  void punch(std::uint64_t offset, std::uint64_t length);
  void truncate(std::uint64_t size);

  // What was written before is being synced; one sync at a time.
  void begin_sync();
  // Success makes that durable. Failure does as Linux does: the cache shows the bytes and holds them for clean, though
  // they may never have reached the platter, and no later sync writes them.
  void end_sync(bool success);
  // As if it had never begun.
  void abandon_sync();
  bool syncing() const { return under_sync_; }
  // The cache is gone; sectors vanish or stay in units of `unit` bytes.
  void power_cut(Dice& dice, std::size_t unit);

  // Whether its pages count as used (a file that was removed and is closed does not).
  void set_counted(bool counted);
  // Damage at rest, in the cache and on the platter.
  void flip_bit(std::uint64_t offset, unsigned bit);
  // Offsets of pages that hold anything but zeros.
  std::vector<std::uint64_t> written_pages() const;
  bool uncertain() const;

 private:
  using Page = std::array<std::uint8_t, kPage>;
  // A null page is all zeros. Bits stand for the page's eight sectors.
  struct Unsynced {
    std::unique_ptr<Page> durable;
    std::unique_ptr<Page> middle;  // what the sync under way covers, where it was overwritten since
    std::uint8_t dirty = 0;        // written since the last sync began
    std::uint8_t syncing = 0;      // covered by the sync under way
    std::uint8_t lost = 0;         // dropped by a failed sync
  };
  struct Slot {
    std::unique_ptr<Page> now;
    std::unique_ptr<Unsynced> unsynced;
  };
  static constexpr std::size_t kSlots = 64;
  struct Leaf {
    std::uint64_t reserved = 0;  // a bit for each page
    std::unique_ptr<std::array<Slot, kSlots>> slots;
  };

  Leaf& leaf(std::uint64_t page);
  const Slot* find(std::uint64_t page) const;
  Slot& slot(std::uint64_t page);
  bool reserve(std::uint64_t page);
  void release(std::uint64_t page);
  // Before bytes `from` to `to` of the page change: keeps what a power cut may bring back.
  void touch(std::uint64_t page, Slot& slot, std::size_t from, std::size_t to, bool overwritten);
  void write_page(std::uint64_t page, std::size_t from, ByteView bytes);
  void zero(std::uint64_t page, std::size_t from, std::size_t to);
  static void settle(Slot& slot, Dice& dice, double survives, std::size_t unit);
  static void copy_sectors(std::uint8_t bits, const Page* from, Page& to);
  void cut_tail(std::uint64_t size);

  Space* space_;
  bool counted_ = true;
  bool under_sync_ = false;
  std::uint64_t size_ = 0, size_syncing_ = 0, size_durable_ = 0;
  std::uint64_t pages_ = 0;
  std::map<std::uint64_t, Leaf> leaves_;  // by page / kSlots
  mutable std::uint64_t last_index_ = 0;
  mutable const Leaf* last_leaf_ = nullptr;
  std::vector<std::uint64_t> dirty_, syncing_;  // pages with such sectors
};

}  // namespace vortex::sim
