// The files of segments: opened when they are needed, and a bounded number of them open at once.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "wal/value_store/catalog.h"

namespace vortex::wal::values {

class SegmentFiles {
 public:
  SegmentFiles(Env& env, Catalog& catalog, std::string directory, std::size_t open_max)
      : env_(env), catalog_(catalog), directory_(std::move(directory)), open_max_(open_max) {}

  // Without waiting; null when it has to be opened.
  std::shared_ptr<File> opened(Segment& segment) {
    segment.used_at = ++ticks_;
    return segment.file;
  }
  Task<Result<std::shared_ptr<File>>> open(std::shared_ptr<Segment> segment);
  // A new, empty file. Its name is durable only after the next sync of the directory.
  Task<Status> create(std::shared_ptr<Segment> segment);
  void close(Segment& segment);
  std::size_t open_count() const { return open_; }

 private:
  void make_room();

  Env& env_;
  Catalog& catalog_;
  std::string directory_;
  std::size_t open_max_;
  std::size_t open_ = 0;
  std::uint64_t ticks_ = 0;
};

}  // namespace vortex::wal::values
