// Env's clock: a process's timers on its machine's clock.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "tests/sim/waiters.h"

namespace vortex::sim {

class Process;

class SimClock final : public Clock {
 public:
  explicit SimClock(Process& process);
  ~SimClock() override;

  Instant now() const override;
  WallTime wall_now() const override;
  TimerId call_at(Instant at, UniqueFunction<void()> action) override;
  void cancel(TimerId timer) override;

  // Timers set and not yet fired or cancelled.
  std::size_t timers() const { return timers_.size() - free_.size(); }
  // The rate of the machine's clock has changed.
  void rearm();
  // Fires those that came due while the process was paused.
  void resume();
  // No timer fires any more.
  void disconnect();

 private:
  struct Timer;
  void fired(Timer& timer);

  Process& process_;
  std::vector<std::unique_ptr<Timer>> timers_;
  std::vector<std::uint32_t> free_;
  std::vector<TimerId> due_;  // while paused
};

}  // namespace vortex::sim
