#include "base/event.h"

namespace vortex {

namespace {
// Takes the Parking out of the list when the wait ends, also when its frame is destroyed.
struct Place {
  std::list<Parking*>& list;
  std::list<Parking*>::iterator at;
  ~Place() { list.erase(at); }
};
}  // namespace

Task<bool> Event::wait() {
  Parking parking(loop_);
  Place place{waiting_, waiting_.insert(waiting_.end(), &parking)};
  co_return co_await parking.park();
}

void Event::notify_all() {
  for (Parking* parking : waiting_) parking->wake();
}

void Event::notify_one() {
  for (Parking* parking : waiting_) {
    if (!parking->occupied()) continue;  // woken already, has not run yet
    parking->wake();
    return;
  }
}

}  // namespace vortex
