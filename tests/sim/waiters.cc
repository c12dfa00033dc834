#include "tests/sim/waiters.h"

#include <algorithm>

#include "base/check.h"

namespace vortex::sim {

Waiter::~Waiter() {
  if (waiters_) waiters_->disarm(*this);
}

Waiters::~Waiters() {
  for (Entry& entry : heap_) entry.waiter->waiters_ = nullptr;
}

void Waiters::put(std::size_t place, const Entry& entry) {
  heap_[place] = entry;
  entry.waiter->place_ = place;
}

void Waiters::up(std::size_t place, const Entry& entry) {
  while (place > 0) {
    std::size_t parent = (place - 1) / kBranches;
    if (!entry.before(heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, entry);
}

void Waiters::down(std::size_t place, const Entry& entry) {
  while (true) {
    std::size_t child = place * kBranches + 1;
    if (child >= heap_.size()) break;
    std::size_t end = std::min(child + kBranches, heap_.size());
    std::size_t least = child;
    for (std::size_t other = child + 1; other < end; ++other)
      if (heap_[other].before(heap_[least])) least = other;
    if (!heap_[least].before(entry)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, entry);
}

void Waiters::arm(Waiter& waiter, Duration at) {
  if (waiter.armed()) disarm(waiter);
  waiter.waiters_ = this;
  Entry entry{at, ++sequence_, &waiter};
  heap_.push_back(entry);
  up(heap_.size() - 1, entry);
}

void Waiters::disarm(Waiter& waiter) {
  if (!waiter.armed()) return;
  CHECK(waiter.waiters_ == this);
  std::size_t place = waiter.place_;
  waiter.waiters_ = nullptr;
  Entry last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  if (place > 0 && last.before(heap_[(place - 1) / kBranches])) {
    up(place, last);
  } else {
    down(place, last);
  }
}

Waiter& Waiters::pop() {
  CHECK(!heap_.empty());
  Waiter& waiter = *heap_.front().waiter;
  disarm(waiter);
  return waiter;
}

}  // namespace vortex::sim
