// Clients whose access key was revoked while they were connected are sent away.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "base/env.h"
#include "base/task_group.h"
#include "node/access/book.h"

namespace vortex::node {

// So long does a revoked key open anything at most, on a node that can read records.
inline constexpr Duration kKeyWatchEvery = seconds(30);

class KeyWatch {
 public:
  // Those who are connected now; and one that is to be sent away.
  using Keys = std::function<std::set<std::string>()>;
  using Close = std::function<void(const std::string& key)>;

  KeyWatch(Env& env, AccessBook& book, Keys keys, Close close)
      : env_(env), book_(book), keys_(std::move(keys)), close_(std::move(close)), tasks_(env.loop()) {}

  void start() { tasks_.spawn(run()); }
  Task<void> stop() { return tasks_.stop(); }

 private:
  Task<void> run();

  Env& env_;
  AccessBook& book_;
  const Keys keys_;
  const Close close_;
  TaskGroup tasks_;
};

}  // namespace vortex::node
