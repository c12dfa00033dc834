// How often this node's disk has refused to give back what it holds.
#pragma once

#include <deque>

#include "base/time.h"

namespace vortex::node {

class DiskWatch {
 public:
  // A disk that reports so many errors within so long is not to be relied on any more.
  static constexpr std::size_t kErrorsMax = 3;
  static constexpr Duration kWithin = std::chrono::hours(24);

  void note(Instant now) {
    errors_.push_back(now);
    if (errors_.size() > kErrorsMax) errors_.pop_front();
  }
  bool failing(Instant now) const { return errors_.size() >= kErrorsMax && now - errors_.front() < kWithin; }
  // Somebody has seen to it.
  void forget() { errors_.clear(); }

 private:
  std::deque<Instant> errors_;  // the latest
};

}  // namespace vortex::node
