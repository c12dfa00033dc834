// Which segment is the newest, noted apart from the segments: without it nobody would miss the last one.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "wal/format.h"

namespace vortex::wal {

inline constexpr std::string_view kNewestName = "newest";

class NewestNote {
 public:
  // The note in the directory, with both of its blocks written anew, so that it can be relied upon. Where there is no
  // room for one that is not there yet, nothing.
  static Task<Result<std::unique_ptr<NewestNote>>> open(Env& env, std::string directory, std::uint64_t log_id,
                                                        SegmentId newest, bool direct);

  // The segment's first group is durable, and nobody has been told so yet. Durable on return.
  Task<Status> set(SegmentId newest);

 private:
  NewestNote(std::unique_ptr<File> file, std::uint64_t log_id) : file_(std::move(file)), log_id_(log_id) {}
  Task<Status> set(std::uint64_t turn, SegmentId newest);
  std::unique_ptr<File> file_;
  std::uint64_t log_id_;
};

struct NewestSegment {
  std::uint64_t log_id = 0;
  SegmentId segment = 0;  // 0: nothing is noted
  bool certain = false;   // both blocks are sound, so that none says more than is known
};
// What is noted in the directory. A note that is damaged or not there says nothing.
Task<Result<NewestSegment>> read_newest_note(Env& env, std::string directory);

}  // namespace vortex::wal
