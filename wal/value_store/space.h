// How much room there is, without asking the disk for every value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "base/env.h"
#include "wal/value_store/catalog.h"
#include "wal/value_store/options.h"

namespace vortex::wal::values {

class Space {
 public:
  Space(Env& env, std::string directory, const ValueStoreOptions& options)
      : env_(env), directory_(std::move(directory)), options_(options) {}

  // Room for a write that has not reached the disk; given back when it is destroyed.
  class Claim {
   public:
    Claim() = default;
    Claim(Claim&& other) noexcept
        : space_(std::exchange(other.space_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Claim& operator=(Claim&& other) noexcept {
      std::swap(space_, other.space_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Claim() {
      if (space_) space_->claimed_ -= bytes_;
    }
    explicit operator bool() const { return space_ != nullptr; }

   private:
    friend class Space;
    Claim(Space* space, std::uint64_t bytes) : space_(space), bytes_(bytes) { space->claimed_ += bytes; }
    Space* space_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // Asks the disk.
  Task<Status> refresh();
  // `no_space` when so many more bytes would touch the reserve or exceed the capacity. The reserve is what the options
  // name and one more index checkpoint, without which nothing could be reclaimed. Asks the disk now and then.
  Task<Result<Claim>> claim(std::uint64_t bytes, const Catalog& catalog);
  // The same from what is known; nothing unless there certainly is room.
  Claim try_claim(std::uint64_t bytes, const Catalog& catalog);
  void wrote(std::uint64_t bytes) { written_ += bytes; }
  // What the index checkpoint takes that is on the disk now.
  void index_takes(std::uint64_t bytes) { index_file_bytes_ = bytes; }
  // What may still be written, as far as is known.
  std::uint64_t left() const { return last_.available > taken() ? last_.available - taken() : 0; }
  bool short_of_space() const { return known_ && left() < 2 * options_.reserve_bytes; }
  DiskSpace last() const { return last_; }

 private:
  static constexpr std::uint64_t kRefreshBytes = 64 * kMiB;
  std::uint64_t unseen() const { return written_ - seen_; }
  std::uint64_t taken() const { return unseen() + claimed_; }
  // A checkpoint is written beside the one before it.
  bool fits(std::uint64_t bytes, const Catalog& catalog) const {
    const std::uint64_t next = catalog.checkpoint_bytes();
    return left() >= options_.reserve_bytes + next + (next - std::min(next, index_file_bytes_)) + bytes;
  }
  bool over_capacity(std::uint64_t bytes, const Catalog& catalog) const {
    return options_.capacity_bytes != 0 && catalog.stored_bytes() + claimed_ + bytes > options_.capacity_bytes;
  }

  Env& env_;
  std::string directory_;
  const ValueStoreOptions& options_;
  DiskSpace last_;
  std::uint64_t written_ = 0;  // since the store was opened
  std::uint64_t seen_ = 0;     // of that, by the disk's last answer
  std::uint64_t claimed_ = 0;
  std::uint64_t index_file_bytes_ = 0;
  bool known_ = false;
};

}  // namespace vortex::wal::values
