// Values that were compared with their ids not long ago.
#pragma once

#include <cstddef>
#include <unordered_set>
#include <utility>

#include "base/id.h"

namespace vortex::wal::values {

// Remembers the latest of them, at least kLatest and at most twice as many. Whoever changes what is under an id holds
// its lock, and so does whoever asks here.
class KnownRight {
 public:
  static constexpr std::size_t kLatest = 16 * 1024;

  bool has(const Id& id) const { return young_.contains(id) || old_.contains(id); }
  void add(const Id& id) {
    if (young_.size() >= kLatest) old_ = std::exchange(young_, {});
    young_.insert(id);
  }
  void forget(const Id& id) {
    young_.erase(id);
    old_.erase(id);
  }

 private:
  std::unordered_set<Id> young_, old_;
};

}  // namespace vortex::wal::values
