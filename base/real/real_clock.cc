#include "base/real/real_clock.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <asio/posix/stream_descriptor.hpp>
#include <utility>

namespace vortex {

namespace {
constexpr std::size_t kChildren = 4;

Duration read_clock(clockid_t id) {
  timespec time{};
  CHECK(::clock_gettime(id, &time) == 0);
  return seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

int make_timer_descriptor() {
  int descriptor = ::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  CHECK(descriptor >= 0);
  return descriptor;
}
}  // namespace

// The timerfd. Setting it anew makes it unreadable again, so it is never read.
class RealClock::Alarm {
 public:
  Alarm(RealClock& clock, asio::io_context& context)
      : context_(context),
        owner_(std::make_shared<RealClock*>(&clock)),
        descriptor_(context, make_timer_descriptor()) {}
  // What is on its way then finds nobody.
  ~Alarm() { *owner_ = nullptr; }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void set(Instant at) {
    // For what is due already the run queue is quicker by two system calls.
    if (at <= (*owner_)->now()) return asio::post(context_, [owner = owner_] { ring(*owner); });
    auto since_boot = at.time_since_epoch();
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<time_t>(since_boot / seconds(1));
    spec.it_value.tv_nsec = static_cast<long>((since_boot % seconds(1)).count());
    CHECK(::timerfd_settime(descriptor_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
    if (std::exchange(waiting_, true)) return;
    auto rings = [owner = owner_](const asio::error_code&) {
      if (*owner != nullptr) (*owner)->alarm_->waiting_ = false;
      ring(*owner);
    };
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, rings);
  }

 private:
  static void ring(RealClock* clock) {
    if (clock != nullptr) clock->run_due();
  }

  asio::io_context& context_;
  const std::shared_ptr<RealClock*> owner_;
  asio::posix::stream_descriptor descriptor_;
  bool waiting_ = false;
};

RealClock::RealClock(Loop& loop) : alarm_(std::make_unique<Alarm>(*this, loop.context())) {}
RealClock::~RealClock() = default;

Instant RealClock::now() const { return Instant(read_clock(CLOCK_BOOTTIME)); }
WallTime RealClock::wall_now() const { return WallTime(read_clock(CLOCK_REALTIME)); }

TimerId RealClock::call_at(Instant at, UniqueFunction<void()> action) {
  std::uint32_t index;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.action = std::move(action);
  slot.used = true;
  heap_.emplace_back();
  rise(heap_.size() - 1, Entry{at, ++order_, index});
  if (at < armed_at_) arm();
  return name(index, slot.generation);
}

void RealClock::cancel(TimerId timer) {
  auto index = static_cast<std::uint32_t>(timer);
  if (timer == kNoTimer || index >= slots_.size()) return;
  Slot& slot = slots_[index];
  if (!slot.used || name(index, slot.generation) != timer) return;
  // The alarm stays as it is: one that rings for nobody costs less than setting it for each cancelled timer.
  auto action = take(slot.place);
}

void RealClock::put(std::size_t place, Entry entry) {
  heap_[place] = entry;
  slots_[entry.slot].place = place;
}

void RealClock::rise(std::size_t place, Entry entry) {
  while (place > 0) {
    std::size_t parent = (place - 1) / kChildren;
    if (!(entry < heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, entry);
}

void RealClock::sink(std::size_t place, Entry entry) {
  while (true) {
    std::size_t first = place * kChildren + 1;
    if (first >= heap_.size()) break;
    std::size_t last = std::min(first + kChildren, heap_.size()), least = first;
    for (std::size_t child = first + 1; child < last; ++child)
      if (heap_[child] < heap_[least]) least = child;
    if (!(heap_[least] < entry)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, entry);
}

UniqueFunction<void()> RealClock::take(std::size_t place) {
  std::uint32_t index = heap_[place].slot;
  Entry last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) {
    bool up = place > 0 && last < heap_[(place - 1) / kChildren];
    up ? rise(place, last) : sink(place, last);
  }
  Slot& slot = slots_[index];
  slot.used = false;
  ++slot.generation;
  free_.push_back(index);
  return std::move(slot.action);
}

void RealClock::run_due() {
  armed_at_ = Instant::max();
  Instant until = now();
  // Timers that these actions arm wait for the next turn, so that the loop does its other work in between.
  std::uint64_t last = order_;
  while (!heap_.empty() && heap_.front().at <= until && heap_.front().order <= last) {
    auto action = take(0);
    action();
  }
  if (!heap_.empty()) arm();
}

void RealClock::arm() {
  armed_at_ = heap_.front().at;
  alarm_->set(armed_at_);
}

}  // namespace vortex
