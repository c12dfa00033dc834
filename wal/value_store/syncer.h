// Makes what was written durable: one round of syncs for everybody who waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/env.h"
#include "base/event.h"
#include "base/task_group.h"
#include "wal/value_store/segment.h"

namespace vortex::wal::values {

class Syncer {
 public:
  // `failed` is told of a sync that failed; nothing can be believed after it.
  Syncer(Env& env, std::string directory, std::function<void(const Error&)> failed);

  // Something was written to the segment, or cut off it.
  void written(std::shared_ptr<Segment> segment) {
    segment->dirty = true;
    dirty_.emplace(segment->number, std::move(segment));
  }
  // A name was made in the directory.
  void named() { names_dirty_ = true; }
  // Nothing is left to sync about a segment that goes away.
  void forget(std::uint32_t number) { dirty_.erase(number); }

  // Everything written before this call is durable when it returns well.
  Task<Status> sync();
  bool clean() const { return dirty_.empty() && !names_dirty_ && !running_; }
  std::uint64_t rounds() const { return completed_; }
  Task<void> stop() { return group_.stop(); }

 private:
  Task<void> rounds_while_wanted();
  Task<Status> round();
  Task<void> sync_one(std::shared_ptr<Segment> segment, Status& outcome);

  Env& env_;
  std::string directory_;
  std::function<void(const Error&)> failed_;
  std::map<std::uint32_t, std::shared_ptr<Segment>> dirty_;
  bool names_dirty_ = false;
  bool running_ = false;
  std::uint64_t started_ = 0, completed_ = 0, wanted_ = 0;
  Status broken_;
  Event done_;
  TaskGroup group_;
};

}  // namespace vortex::wal::values
