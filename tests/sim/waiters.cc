#include "tests/sim/waiters.h"

#include <algorithm>

#include "base/check.h"

namespace vortex::sim {

Waiter::~Waiter() {
  if (waiters_) waiters_->disarm(*this);
}

Waiters::~Waiters() {
  for (Entry& entry : heap_) waiters_[entry.ticket]->waiters_ = nullptr;
}

void Waiters::put(std::size_t place, const Entry& entry) {
  heap_[place] = entry;
  places_[entry.ticket] = static_cast<std::uint32_t>(place);
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
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(waiters_.size()));
    waiters_.push_back(nullptr);
    places_.push_back(0);
  }
  waiter.waiters_ = this;
  waiter.ticket_ = free_.back();
  free_.pop_back();
  waiters_[waiter.ticket_] = &waiter;
  Entry entry{at, ++sequence_, waiter.ticket_};
  heap_.push_back(entry);
  up(heap_.size() - 1, entry);
}

void Waiters::disarm(Waiter& waiter) {
  if (!waiter.armed()) return;
  CHECK(waiter.waiters_ == this);
  std::size_t place = places_[waiter.ticket_];
  free_.push_back(waiter.ticket_);
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
  Waiter& waiter = *waiters_[heap_.front().ticket];
  disarm(waiter);
  return waiter;
}

}  // namespace vortex::sim
