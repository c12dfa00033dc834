#include "base/real/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/real/posix_file.h"
#include "base/real/system_error.h"

namespace vortex {

namespace {
constexpr std::size_t kInlineCallsPerTurn = 256;
constexpr std::size_t kInlineBytesPerTurn = 4 << 20;

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}
  ~PosixLock() override { ::close(descriptor_); }

 private:
  const int descriptor_;
};

Status make_directories_now(const std::string& path) {
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) == 0) continue;
    // A parent that may not be written can still be there already; mkdir then says EROFS or EACCES first.
    int number = errno;
    struct stat status;
    if (::stat(part.c_str(), &status) != 0) return system_error(number, "make directory", part);
    if (!S_ISDIR(status.st_mode)) return system_error(ENOTDIR, "make directory", part);
  }
  return Status();
}

Status sync_directory_now(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return system_error(errno, "open directory", path);
  int failed = ::fsync(descriptor), number = errno;
  ::close(descriptor);
  // Some file systems have nothing to sync in a directory and say so.
  if (failed != 0 && number != EINVAL) return system_error(number, "sync directory", path);
  return Status();
}

Result<std::vector<DirectoryEntry>> list_now(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
  if (!directory) return system_error(errno, "list", path);
  std::vector<DirectoryEntry> entries;
  while (true) {
    errno = 0;
    const dirent* found = ::readdir(directory.get());
    if (found == nullptr && errno != 0) return system_error(errno, "list", path);
    if (found == nullptr) break;
    DirectoryEntry entry;
    entry.name = found->d_name;
    if (entry.name == "." || entry.name == "..") continue;
    struct stat status;
    if (::fstatat(::dirfd(directory.get()), found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;  // just removed
    entry.directory = S_ISDIR(status.st_mode);
    entry.size = entry.directory ? 0 : static_cast<std::uint64_t>(status.st_size);
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<DiskSpace> space_now(const std::string& path) {
  struct statvfs status;
  if (::statvfs(path.c_str(), &status) != 0) return system_error(errno, "look at the space of", path);
  DiskSpace space;
  space.total = std::uint64_t(status.f_blocks) * status.f_frsize;
  space.available = std::uint64_t(status.f_bavail) * status.f_frsize;
  return space;
}

// flock belongs to the open file, so a second holder in this process is refused like any other.
Result<int> lock_now(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return system_error(errno, "open", path);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  int number = errno;
  ::close(descriptor);
  if (number == EWOULDBLOCK) return Error(Code::in_use, path + " is in use by another process");
  return system_error(number, "lock", path);
}
}  // namespace

bool PosixDisk::must_yield(std::size_t bytes) {
  ++inline_calls_;
  inline_bytes_ += bytes;
  if (inline_calls_ < kInlineCallsPerTurn && inline_bytes_ < kInlineBytesPerTurn) return false;
  inline_calls_ = 0;
  inline_bytes_ = 0;
  return true;
}

Task<Result<std::unique_ptr<File>>> PosixDisk::open(std::string path, OpenOptions options) {
  auto call = [&path, &options] { return PosixFile::open_now(path, options); };
  CO_ASSIGN_OR_RETURN(PosixFile::Opened opened, co_await workers_.run(call));
  std::unique_ptr<File> file = std::make_unique<PosixFile>(*this, std::move(path), opened);
  co_return Result<std::unique_ptr<File>>(std::move(file));
}

Task<Status> PosixDisk::rename(std::string from, std::string to) {
  auto call = [&from, &to]() -> Status {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error(errno, "rename", from + " to " + to);
    return Status();
  };
  co_return co_await workers_.run(call);
}

Task<Status> PosixDisk::remove(std::string path) {
  auto call = [&path]() -> Status {
    if (std::remove(path.c_str()) != 0) return system_error(errno, "remove", path);
    return Status();
  };
  co_return co_await workers_.run(call);
}

Task<Status> PosixDisk::make_directories(std::string path) {
  auto call = [&path] { return make_directories_now(path); };
  co_return co_await workers_.run(call);
}

Task<Status> PosixDisk::sync_directory(std::string path) {
  auto call = [&path] { return sync_directory_now(path); };
  co_return co_await workers_.run(call);
}

Task<Result<std::vector<DirectoryEntry>>> PosixDisk::list(std::string path) {
  auto call = [&path] { return list_now(path); };
  co_return co_await workers_.run(call);
}

Task<Result<DiskSpace>> PosixDisk::space(std::string path) {
  auto call = [&path] { return space_now(path); };
  co_return co_await workers_.run(call);
}

Task<Result<std::unique_ptr<FileLock>>> PosixDisk::lock(std::string path) {
  auto call = [&path] { return lock_now(path); };
  CO_ASSIGN_OR_RETURN(int descriptor, co_await workers_.run(call));
  std::unique_ptr<FileLock> lock = std::make_unique<PosixLock>(descriptor);
  co_return Result<std::unique_ptr<FileLock>>(std::move(lock));
}

}  // namespace vortex
