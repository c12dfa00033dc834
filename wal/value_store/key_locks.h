// One operation at a time on one value.
#pragma once

#include <list>
#include <unordered_map>
#include <utility>

#include "base/id.h"
#include "base/loop.h"

namespace vortex::wal::values {

class KeyLocks;

// Held until destroyed.
class KeyLock {
 public:
  KeyLock() = default;
  KeyLock(KeyLocks* locks, const Id& id) : locks_(locks), id_(id) {}
  KeyLock(KeyLock&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), id_(other.id_) {}
  KeyLock& operator=(KeyLock&& other) noexcept {
    std::swap(locks_, other.locks_);
    std::swap(id_, other.id_);
    return *this;
  }
  ~KeyLock() { release(); }
  void release();

 private:
  KeyLocks* locks_ = nullptr;
  Id id_;
};

// First come, first served. It outlives its locks and those who wait.
class KeyLocks {
 public:
  explicit KeyLocks(Loop& loop) : loop_(loop) {}

  bool try_acquire(const Id& id) { return held_.try_emplace(id).second; }
  // For a lock got by try_acquire.
  KeyLock adopt(const Id& id) { return KeyLock(this, id); }
  // Fails only with `cancelled`.
  Task<Result<KeyLock>> acquire(Id id) {
    if (try_acquire(id)) co_return KeyLock(this, id);
    Waiter waiter(loop_);
    auto& line = held_[id];
    auto place = line.insert(line.end(), &waiter);
    bool woken = co_await waiter.parking.park();
    if (waiter.granted) {
      KeyLock lock(this, id);  // when cancelled in the same moment, it is given back
      if (!woken) co_return Code::cancelled;
      co_return std::move(lock);
    }
    held_[id].erase(place);
    co_return Code::cancelled;
  }
  std::size_t held() const { return held_.size(); }

 private:
  friend class KeyLock;
  struct Waiter {
    explicit Waiter(Loop& loop) : parking(loop) {}
    Parking parking;
    bool granted = false;
  };
  void release(const Id& id) {
    auto line = held_.find(id);
    if (line->second.empty()) {
      held_.erase(line);
      return;
    }
    Waiter* next = line->second.front();
    line->second.pop_front();
    next->granted = true;
    next->parking.wake();
  }

  Loop& loop_;
  std::unordered_map<Id, std::list<Waiter*>> held_;  // and who waits, each in the frame of acquire()
};

inline void KeyLock::release() {
  if (locks_) std::exchange(locks_, nullptr)->release(id_);
}

}  // namespace vortex::wal::values
