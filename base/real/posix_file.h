// One open file.
#pragma once

#include <string>

#include "base/real/posix_disk.h"

namespace vortex {

class PosixFile final : public File {
 public:
  struct Opened {
    int descriptor = -1;
    bool direct = false;     // really
    bool in_memory = false;  // tmpfs: nothing there waits for a device
  };
  // Blocks.
  static Result<Opened> open_now(const std::string& path, const OpenOptions& options);

  PosixFile(PosixDisk& disk, std::string path, Opened opened)
      : disk_(disk), path_(std::move(path)), descriptor_(opened.descriptor), opened_(opened) {}
  ~PosixFile() override;

  Task<Result<std::size_t>> read_at(std::uint64_t offset, MutableBytes into) override;
  Result<std::size_t> read_cached(std::uint64_t offset, MutableBytes into) override;
  Task<Status> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override;
  Task<Status> sync() override;
  Task<Status> write_durable(std::uint64_t offset, std::span<const ByteView> pieces) override;
  Task<Status> allocate(std::uint64_t offset, std::uint64_t length) override;
  Task<Status> punch_hole(std::uint64_t offset, std::uint64_t length) override;
  Task<Status> truncate(std::uint64_t size) override;
  Task<Result<std::uint64_t>> size() override;

 private:
  // These block.
  Result<std::size_t> read_now(std::uint64_t offset, MutableBytes into) const;
  Status write_now(std::uint64_t offset, std::span<const ByteView> pieces) const;
  Status sync_now() const;
  Status allocate_now(std::uint64_t offset, std::uint64_t length) const;
  Status punch_hole_now(std::uint64_t offset, std::uint64_t length) const;
  Result<std::uint64_t> size_now() const;
  Error failure(const char* action) const;

  PosixDisk& disk_;
  const std::string path_;
  const int descriptor_;
  const Opened opened_;
  bool cache_can_be_asked_ = true;  // the file system knows RWF_NOWAIT
};

}  // namespace vortex
