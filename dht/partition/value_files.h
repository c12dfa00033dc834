// The values of a replica that are too large for memory: appended to files of its own, each named by where it lies.
// What is not named by any record any more goes when its whole file does, or is left behind when the live rest of a
// file moves to another one.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/limits.h"

namespace vortex::dht {

// Values of at most so many bytes stay in memory.
inline constexpr std::size_t kValueInMemoryMax = 1 * kKiB;
// A new file begins when the last has reached this size.
inline constexpr std::uint64_t kValueFileSize = 64 * kMiB;

struct Whereabouts {
  std::uint32_t size = 0;
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t sum = 0;  // XXH3 of the value
  VORTEX_FIELDS(size, file, offset, sum)
};

// A bounded number of open files, shared by all partitions of a node.
class OpenFiles {
 public:
  OpenFiles(Env& env, std::size_t limit) : env_(env), limit_(limit) {}
  Task<Result<std::shared_ptr<File>>> open(std::string path, bool create);
  void forget(const std::string& path);
  std::size_t size() const { return files_.size(); }

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<File> file;
  };
  Env& env_;
  std::size_t limit_;
  std::list<Entry> files_;  // used last: first
};

class ValueFiles {
 public:
  // A file stays while somebody holds it.
  struct ValueFile {
    std::uint32_t number = 0;
    std::uint64_t size = 0;
    std::uint64_t live = 0;  // bytes that records named when they were last counted
    bool counted = false;
    bool moving = false;  // its live values are to go elsewhere
    bool writable = true;
  };
  using Held = std::vector<std::shared_ptr<const ValueFile>>;

  ValueFiles(Env& env, OpenFiles& open, std::string directory)
      : env_(env), open_(open), directory_(std::move(directory)) {}

  // Finds the files that are there.
  Task<Status> load();
  // The values one behind the other; durable after sync().
  Task<Result<std::vector<Whereabouts>>> append(std::span<const ByteView> values);
  Task<Status> sync();
  // `not_found` when its file is gone, `damaged` when the bytes are not what was written.
  Task<Result<ByteVector>> read(Whereabouts whereabouts);

  // All files that are there now; they are not removed while the list lives.
  Held hold() const;
  bool knows(const Whereabouts& whereabouts) const;
  bool moving(const Whereabouts& whereabouts) const;
  // What a whole state names: bytes by file. Chooses files whose live values should move.
  void count(const std::map<std::uint32_t, std::uint64_t>& live);
  // Removes files without live bytes that nobody holds.
  Task<void> remove_dead();
  std::uint64_t bytes() const;
  std::size_t size() const { return files_.size(); }

 private:
  std::string path(std::uint32_t number) const;
  Task<Result<std::shared_ptr<ValueFile>>> writable();

  Env& env_;
  OpenFiles& open_;
  const std::string directory_;
  std::map<std::uint32_t, std::shared_ptr<ValueFile>> files_;
  // Written since the last sync; their handles stay open until then.
  std::map<std::uint32_t, std::shared_ptr<File>> dirty_;
  bool names_dirty_ = false;
};

}  // namespace vortex::dht
