// Signals between coroutines of one loop: "something changed, look again".
#pragma once

#include <list>

#include "base/loop.h"

namespace vortex {

// Many may wait; notify_all wakes those who wait now. State is kept by whoever notifies: always wait in a loop that
// looks at it.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  ~Event() { CHECK(waiting_.empty()); }
  // False when the task was cancelled.
  Task<bool> wait();
  void notify_all();
  void notify_one();
  std::size_t waiting() const { return waiting_.size(); }

 private:
  Loop& loop_;
  std::list<Parking*> waiting_;  // in the order of their coming; each lives in the frame of its wait()
};

}  // namespace vortex
