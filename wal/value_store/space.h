// How much room there is, without asking the disk for every value.
#pragma once

#include <cstdint>
#include <string>

#include "base/env.h"
#include "wal/value_store/options.h"

namespace vortex::wal::values {

class Space {
 public:
  Space(Env& env, std::string directory, const ValueStoreOptions& options)
      : env_(env), directory_(std::move(directory)), options_(options) {}

  // Asks the disk.
  Task<Status> refresh();
  // `no_space` when so many more bytes would touch the reserve or exceed the capacity. Asks the disk now and then.
  Task<Status> admit(std::uint64_t bytes, std::uint64_t stored);
  // As above, from what is known; true when there certainly is room.
  bool plenty(std::uint64_t bytes, std::uint64_t stored) const;
  void wrote(std::uint64_t bytes) { written_ += bytes; }
  // What may still be written, as far as is known.
  std::uint64_t left() const { return last_.available > unseen() ? last_.available - unseen() : 0; }
  bool short_of_space() const { return known_ && left() < 2 * options_.reserve_bytes; }
  DiskSpace last() const { return last_; }

 private:
  static constexpr std::uint64_t kRefreshBytes = 64 * kMiB;
  std::uint64_t unseen() const { return written_ - seen_; }
  bool over_capacity(std::uint64_t bytes, std::uint64_t stored) const {
    return options_.capacity_bytes != 0 && stored + bytes > options_.capacity_bytes;
  }

  Env& env_;
  std::string directory_;
  const ValueStoreOptions& options_;
  DiskSpace last_;
  std::uint64_t written_ = 0;  // since the store was opened
  std::uint64_t seen_ = 0;     // of that, by the disk's last answer
  bool known_ = false;
};

}  // namespace vortex::wal::values
