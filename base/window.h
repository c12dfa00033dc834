// A bound on what is in flight: bytes, requests, copies.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <utility>

#include "base/loop.h"

namespace vortex {

class Window;

// A share of a Window, given back when it is destroyed.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept
      : window_(std::exchange(other.window_, nullptr)), units_(std::exchange(other.units_, 0)) {}
  Permit& operator=(Permit&& other) noexcept {
    std::swap(window_, other.window_);
    std::swap(units_, other.units_);
    return *this;
  }
  ~Permit() { release(); }

  void release();
  std::size_t units() const { return units_; }
  explicit operator bool() const { return window_ != nullptr; }

 private:
  friend class Window;
  Permit(Window* window, std::size_t units) : window_(window), units_(units) {}
  Window* window_ = nullptr;
  std::size_t units_ = 0;
};

// Strictly first come, first served: whoever asks for much is not overtaken by those who ask for little. More than
// the whole window is granted as the whole window. It must outlive its permits and those who wait.
class Window {
 public:
  Window(Loop& loop, std::size_t limit) : loop_(loop), limit_(limit) {}
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // Fails only with `cancelled`.
  Task<Result<Permit>> acquire(std::size_t units);
  // Nothing when it would have to wait.
  std::optional<Permit> try_acquire(std::size_t units);
  // A smaller limit takes effect as permits come back.
  void set_limit(std::size_t limit);

  std::size_t limit() const { return limit_; }
  std::size_t used() const { return used_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  friend class Permit;
  struct Waiter {
    Waiter(Loop& loop, std::size_t wanted) : parking(loop), units(wanted) {}
    Parking parking;
    std::size_t units;
    bool granted = false;
  };
  bool fits(std::size_t units) const { return used_ == 0 || (used_ <= limit_ && units <= limit_ - used_); }
  void give_back(std::size_t units);
  void grant();

  Loop& loop_;
  std::size_t limit_;
  std::size_t used_ = 0;
  std::list<Waiter*> waiting_;  // in the order of their coming, not yet granted; each lives in the frame of acquire()
};

}  // namespace vortex
