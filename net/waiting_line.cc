#include "net/waiting_line.h"

namespace vortex::net {

WaitingLine::~WaitingLine() { CHECK(waiting_.empty()); }

Task<Status> WaitingLine::wait(Instant deadline) {
  if (env_.now() >= deadline) co_return Code::timed_out;
  Waiter waiter(env_.loop());
  waiter.place = waiting_.insert(waiting_.end(), &waiter);
  auto expire = [this, &waiter] {
    waiter.late = true;
    leave(waiter);
    waiter.parking.wake();
  };
  TimerId timer = env_.clock().call_at(deadline, UniqueFunction<void()>(expire));
  bool woken = co_await waiter.parking.park();
  if (!waiter.late) env_.clock().cancel(timer);
  if (woken && !waiter.late) co_return Status();
  leave(waiter);
  if (waiter.notified) notify_one();  // the notice was for whoever can use it
  co_return Error(woken ? Code::timed_out : Code::cancelled);
}

void WaitingLine::leave(Waiter& waiter) {
  if (!waiter.queued) return;
  waiter.queued = false;
  waiting_.erase(waiter.place);
}

void WaitingLine::notify_one() {
  if (waiting_.empty()) return;
  Waiter& first = *waiting_.front();
  leave(first);
  first.notified = true;
  first.parking.wake();
}

void WaitingLine::notify_all() {
  for (std::size_t left = waiting_.size(); left > 0; --left) notify_one();
}

}  // namespace vortex::net
