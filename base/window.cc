#include "base/window.h"

#include <algorithm>

namespace vortex {

void Permit::release() {
  if (Window* window = std::exchange(window_, nullptr)) window->give_back(std::exchange(units_, 0));
}

Window::~Window() { CHECK(used_ == 0 && waiting_.empty()); }

std::optional<Permit> Window::try_acquire(std::size_t units) {
  units = std::min(units, limit_);
  if (!waiting_.empty() || !fits(units)) return std::nullopt;
  used_ += units;
  return Permit(this, units);
}

Task<Result<Permit>> Window::acquire(std::size_t units) {
  if (auto permit = try_acquire(units)) co_return Result<Permit>(std::move(*permit));
  Waiter waiter(loop_, units);
  auto place = waiting_.insert(waiting_.end(), &waiter);
  bool woken = co_await waiter.parking.park();
  // Granted and cancelled in the same moment: the permit is ours all the same.
  if (woken || waiter.granted) co_return Result<Permit>(Permit(this, waiter.units));
  waiting_.erase(place);
  grant();  // whoever came behind may fit where this one did not
  co_return Code::cancelled;
}

void Window::set_limit(std::size_t limit) {
  limit_ = limit;
  grant();
}

void Window::give_back(std::size_t units) {
  CHECK(units <= used_);
  used_ -= units;
  grant();
}

void Window::grant() {
  while (!waiting_.empty()) {
    Waiter& first = *waiting_.front();
    std::size_t units = std::min(first.units, limit_);
    if (!fits(units)) return;
    first.units = units;
    first.granted = true;
    used_ += units;
    waiting_.pop_front();
    first.parking.wake();
  }
}

}  // namespace vortex
