// Files of the operating system.
#pragma once

#include "base/disk.h"
#include "base/loop.h"
#include "base/real/workers.h"

namespace vortex {

// What the page cache answers is read in place; what may block runs on a pool of threads. On a file system in
// memory small reads and writes are done in place too. base/README.md has the figures behind that.
class PosixDisk final : public Disk {
 public:
  PosixDisk(Loop& loop, std::size_t threads) : loop_(loop), workers_(loop, threads) {}

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  Task<Status> rename(std::string from, std::string to) override;
  Task<Status> remove(std::string path) override;
  Task<Status> make_directories(std::string path) override;
  Task<Status> sync_directory(std::string path) override;
  Task<Result<std::vector<DirectoryEntry>>> list(std::string path) override;
  Task<Result<DiskSpace>> space(std::string path) override;
  Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) override;

 private:
  friend class PosixFile;
  // Done in place since the loop last turned; beyond a bound the next one lets the loop turn first.
  bool must_yield(std::size_t bytes);

  Loop& loop_;
  Workers workers_;
  std::size_t inline_calls_ = 0, inline_bytes_ = 0;
};

}  // namespace vortex
