// Env's disk: one process's view of its machine's drive.
#pragma once

#include "base/disk.h"
#include "base/event.h"

namespace vortex::sim {

class Process;

class SimDisk final : public Disk {
 public:
  explicit SimDisk(Process& process);

  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override;
  Task<Status> rename(std::string from, std::string to) override;
  Task<Status> remove(std::string path) override;
  Task<Status> make_directories(std::string path) override;
  Task<Status> sync_directory(std::string path) override;
  Task<Result<std::vector<DirectoryEntry>>> list(std::string path) override;
  Task<Result<DiskSpace>> space(std::string path) override;
  Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) override;

 private:
  friend class SimFile;
  Process& process_;
  Event sync_ended_;
};

}  // namespace vortex::sim
