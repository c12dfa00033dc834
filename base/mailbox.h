// A bounded queue between coroutines of one loop.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/event.h"

namespace vortex {

// First in, first out. Many may push and many may pop. It must outlive those who wait on it.
template <class T>
class Mailbox {
 public:
  Mailbox(Loop& loop, std::size_t limit) : limit_(limit), filled_(loop), emptied_(loop) { CHECK(limit > 0); }

  // False, and `item` is untouched, when it is full or closed.
  bool try_push(T&& item) {
    if (closed_ || items_.size() >= limit_) return false;
    items_.push_back(std::move(item));
    filled_.notify_one();
    return true;
  }
  std::optional<T> try_pop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    emptied_.notify_one();
    return item;
  }

  // Waits for room. `closed` when the mailbox is.
  Task<Status> push(T item) {
    while (!closed_ && items_.size() >= limit_) {
      bool woken = co_await emptied_.wait();
      if (!woken) co_return Code::cancelled;
    }
    if (closed_) co_return Code::closed;
    items_.push_back(std::move(item));
    filled_.notify_one();
    co_return Status();
  }
  // `closed` when the mailbox is closed and everything that was in it has been taken.
  Task<Result<T>> pop() {
    while (items_.empty()) {
      if (closed_) co_return Code::closed;
      bool woken = co_await filled_.wait();
      if (!woken) co_return Code::cancelled;
    }
    T item(std::move(items_.front()));
    items_.pop_front();
    emptied_.notify_one();
    co_return Result<T>(std::move(item));
  }

  // Nothing comes in any more; what is in it can still be taken.
  void close() {
    closed_ = true;
    filled_.notify_all();
    emptied_.notify_all();
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }

 private:
  const std::size_t limit_;
  std::deque<T> items_;
  bool closed_ = false;
  Event filled_, emptied_;
};

}  // namespace vortex
