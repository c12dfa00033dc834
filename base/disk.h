// Files. What was not synced may be lost, in any part, when the power fails.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"

namespace vortex {

struct OpenOptions {
  bool create = false;     // make it when it is absent (the name is durable only after sync_directory)
  bool exclusive = false;  // with create: `exists` when it is there
  bool read_only = false;
  bool truncate = false;
  bool direct = false;  // O_DIRECT where it is possible: offsets, sizes and buffers aligned to 4096

  OpenOptions() {}
};

// Several reads and writes may be under way at once. Operations in flight use the caller's memory, so they are
// never abandoned: a cancelled task waits for them.
class File {
 public:
  virtual ~File() = default;
  // Fills `into`; fewer bytes only at the end of the file.
  virtual Task<Result<std::size_t>> read_at(std::uint64_t offset, MutableBytes into) = 0;
  // What the page cache holds, without waiting and without a coroutine: the number of bytes read, or `busy` when
  // the disk would be needed (then use read_at).
  virtual Result<std::size_t> read_cached(std::uint64_t offset, MutableBytes into) = 0;
  // All of the pieces, one behind the other, or an error (and then any part of them may be written).
  virtual Task<Status> write_at(std::uint64_t offset, std::span<const ByteView> pieces) = 0;
  // fdatasync: everything written before is durable when it returns. After an error nothing can be believed
  // about what was written since the last success, also not after a later success.
  virtual Task<Status> sync() = 0;
  // write_at and sync in one turn at the disk, which is quicker. `no_space` comes from the write and says that
  // nothing else was lost; after any other error nothing can be believed, as after a failed sync.
  virtual Task<Status> write_durable(std::uint64_t offset, std::span<const ByteView> pieces);
  // Reserves space; the size grows and reads there give zeros.
  virtual Task<Status> allocate(std::uint64_t offset, std::uint64_t length) = 0;
  // Gives the space back; reads there give zeros.
  virtual Task<Status> punch_hole(std::uint64_t offset, std::uint64_t length) = 0;
  virtual Task<Status> truncate(std::uint64_t size) = 0;
  virtual Task<Result<std::uint64_t>> size() = 0;
};

struct DirectoryEntry {
  std::string name;
  bool directory = false;
  std::uint64_t size = 0;
};

struct DiskSpace {
  std::uint64_t total = 0;
  std::uint64_t available = 0;
};

// Held until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Disk {
 public:
  virtual ~Disk() = default;
  virtual Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) = 0;
  // Atomic; replaces `to`. Durable after sync_directory.
  virtual Task<Status> rename(std::string from, std::string to) = 0;
  virtual Task<Status> remove(std::string path) = 0;
  // With all its parents; nothing when it is there.
  virtual Task<Status> make_directories(std::string path) = 0;
  virtual Task<Status> sync_directory(std::string path) = 0;
  // Sorted by name, without "." and "..".
  virtual Task<Result<std::vector<DirectoryEntry>>> list(std::string path) = 0;
  virtual Task<Result<DiskSpace>> space(std::string path) = 0;
  // `in_use` when another process (or another holder in this one) has it.
  virtual Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) = 0;
};

// Whole small files, for identities, settings and checkpoints' pointers.
Task<Result<ByteVector>> read_file(Disk& disk, std::string path, std::size_t bytes_max);
// New file, sync, rename, sync of the directory: after success the new content is durable, after a crash either
// the old or the new one is there.
Task<Status> replace_file(Disk& disk, std::string path, ByteVector content);

}  // namespace vortex
