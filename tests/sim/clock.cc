#include "tests/sim/clock.h"

#include "base/check.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

// A place for timers that is used again and again. The identity holds the place (plus one) and its generation.
struct SimClock::Timer final : Waiter {
  Timer(SimClock& c, std::uint32_t p) : clock(c), place(p) {}
  void fire() override { clock.fired(*this); }
  TimerId id() const { return TimerId(generation) << 32 | (place + 1); }

  SimClock& clock;
  const std::uint32_t place;
  std::uint32_t generation = 0;
  Instant at;
  UniqueFunction<void()> action;
};

SimClock::SimClock(Process& process) : process_(process) {}
SimClock::~SimClock() = default;

Instant SimClock::now() const { return process_.machine().clock().boot_time(process_.world().now()); }

WallTime SimClock::wall_now() const { return process_.machine().clock().wall_time(process_.world().now()); }

TimerId SimClock::call_at(Instant at, UniqueFunction<void()> action) {
  if (free_.empty()) {
    auto place = static_cast<std::uint32_t>(timers_.size());
    timers_.push_back(std::make_unique<Timer>(*this, place));
    free_.push_back(place);
  }
  Timer& timer = *timers_[free_.back()];
  free_.pop_back();
  timer.at = at;
  timer.action = std::move(action);
  World& world = process_.world();
  if (!process_.dead()) world.waiters().arm(timer, std::max(world.now(), process_.machine().clock().world_time(at)));
  return timer.id();
}

void SimClock::cancel(TimerId id) {
  auto place = static_cast<std::uint32_t>(id) - 1;
  if (id == kNoTimer || place >= timers_.size()) return;
  Timer& timer = *timers_[place];
  if (timer.id() != id || !timer.action) return;
  process_.world().waiters().disarm(timer);
  ++timer.generation;
  free_.push_back(place);
  // Last, since destroying it may come back here.
  auto action = std::move(timer.action);
}

void SimClock::fired(Timer& timer) {
  if (process_.machine().paused()) {
    due_.push_back(timer.id());
    return;
  }
  process_.world().note(Happening::timer, &process_.machine(), timer.place);
  auto action = std::move(timer.action);
  ++timer.generation;
  free_.push_back(timer.place);
  process_.world().call_in(process_, action);
  process_.touch();
}

void SimClock::rearm() {
  World& world = process_.world();
  for (auto& timer : timers_)
    if (timer->armed())
      world.waiters().arm(*timer, std::max(world.now(), process_.machine().clock().world_time(timer->at)));
}

void SimClock::resume() {
  for (TimerId id : std::exchange(due_, {})) {
    // One of them may have ended the process.
    if (process_.dead()) return;
    Timer& timer = *timers_[static_cast<std::uint32_t>(id) - 1];
    if (timer.id() == id && timer.action) fired(timer);
  }
}

void SimClock::disconnect() {
  for (auto& timer : timers_) process_.world().waiters().disarm(*timer);
  due_.clear();
}

}  // namespace vortex::sim
