// The names on a simulated drive, what of them is durable, and what a power cut makes of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "tests/sim/content.h"

namespace vortex::sim {

struct Inode {
  using Names = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;

  Inode(std::uint64_t n, bool is_directory, Space& space) : number(n), directory(is_directory), content(space) {}

  const std::uint64_t number;
  const bool directory;
  Content content;         // of a file
  Names names, durable;    // of a directory: as it is, and as a power cut would leave it at worst
  bool linked = false;     // has a name
  std::uint32_t open = 0;  // by how many
  std::uint64_t lock_holder = 0;
  // Blocks (by offset / Content::kPage) that the drive cannot read any more until they are written again.
  std::set<std::uint64_t> unreadable;
  void count_pages() { content.set_counted(linked || open > 0); }
  bool readable(std::uint64_t offset, std::uint64_t size) const {
    auto first = unreadable.lower_bound(offset / Content::kPage);
    return size == 0 || first == unreadable.end() || *first * Content::kPage >= offset + size;
  }
  void written(std::uint64_t offset, std::uint64_t size) {
    if (size == 0) return;
    unreadable.erase(unreadable.lower_bound(offset / Content::kPage),
                     unreadable.upper_bound((offset + size - 1) / Content::kPage));
  }
};
using InodePtr = std::shared_ptr<Inode>;

// Creations, renames and removals are durable once the directory was synced (of a rename: either directory). Until then
// a power cut leaves a prefix of them or, now and then, any subset that fits together; each stays whole.
class FileSystem {
 public:
  explicit FileSystem(Space& space);

  Result<InodePtr> find(std::string_view path) const;
  Result<InodePtr> open(std::string_view path, const OpenOptions& options);
  Status rename(std::string_view from, std::string_view to);
  Status remove(std::string_view path);
  Status make_directories(std::string_view path);
  Status sync_directory(std::string_view path);
  Result<std::vector<DirectoryEntry>> list(std::string_view path) const;

  void power_cut(Dice& dice, std::size_t unit);
  void clear();
  // All files, in the order of their paths.
  std::vector<InodePtr> files() const;
  // Name changes that a power cut may undo.
  std::size_t pending() const { return pending_.size(); }

 private:
  // What one operation changed: `inode` got the second name and lost the first; either may be missing.
  struct Change {
    InodePtr from_directory;
    std::string from;
    InodePtr to_directory;
    std::string to;
    InodePtr inode;
  };
  struct Place {
    InodePtr directory;
    std::string name;
  };
  Result<Place> locate(std::string_view path) const;
  InodePtr new_inode(bool directory);
  void changed(Change change);
  static bool touches(const Change& change, const Inode* directory, std::string_view name);
  // False when what it needs is not there.
  static bool make_durable(const Change& change);
  void collapse(Inode& directory, Dice& dice, std::size_t unit);
  static void collect(const Inode& directory, std::vector<InodePtr>& files);

  Space& space_;
  std::uint64_t next_number_ = 1;
  InodePtr root_;
  std::vector<Change> pending_;  // in their order
};

}  // namespace vortex::sim
