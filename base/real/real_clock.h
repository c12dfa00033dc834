// CLOCK_BOOTTIME and the timers of one loop.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/loop.h"

namespace vortex {

// All timers stand in one heap; one timerfd is set to the earliest. A timer that is armed and cancelled before its
// time, as most are, costs no system call unless it is the earliest of all.
class RealClock final : public Clock {
 public:
  explicit RealClock(Loop& loop);
  ~RealClock() override;

  Instant now() const override;
  WallTime wall_now() const override;
  TimerId call_at(Instant at, UniqueFunction<void()> action) override;
  void cancel(TimerId timer) override;

  std::size_t pending() const { return heap_.size(); }

 private:
  class Alarm;
  struct Slot {
    UniqueFunction<void()> action;
    std::size_t place = 0;  // in the heap
    std::uint32_t generation = 1;
    bool used = false;
  };
  struct Entry {
    Instant at;
    std::uint64_t order;  // timers of the same instant run in the order in which they were armed
    std::uint32_t slot;
    bool operator<(const Entry& other) const { return at != other.at ? at < other.at : order < other.order; }
  };
  static TimerId name(std::uint32_t slot, std::uint32_t generation) { return TimerId(generation) << 32 | slot; }
  void put(std::size_t place, Entry entry);
  void rise(std::size_t place, Entry entry);
  void sink(std::size_t place, Entry entry);
  UniqueFunction<void()> take(std::size_t place);
  void run_due();
  void arm();

  std::vector<Entry> heap_;  // four children a parent
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t order_ = 0;
  Instant armed_at_ = Instant::max();  // what the alarm is set to
  std::unique_ptr<Alarm> alarm_;
};

}  // namespace vortex
