// What is yet to happen in a world: waiters, ordered by time and, at the same time, by the order of their coming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace vortex::sim {

class Waiters;

// Something that happens at a moment. It lives wherever its owner keeps it; destroying it takes it out.
class Waiter {
 public:
  Waiter() = default;
  virtual ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  bool armed() const { return waiters_ != nullptr; }
  // Called once for each time it was armed; it is not armed any more and may arm or destroy itself.
  virtual void fire() = 0;

 private:
  friend class Waiters;
  Waiters* waiters_ = nullptr;
  std::uint32_t ticket_ = 0;
};

// A heap that knows the place of each waiter, so that cancelling costs no more than adding. Sorting touches only the
// heap's own arrays: with thousands of machines the waiters themselves are far from every cache.
class Waiters {
 public:
  Waiters() = default;
  ~Waiters();
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  // Moves it when it was armed already.
  void arm(Waiter& waiter, Duration at);
  void disarm(Waiter& waiter);

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  Duration next_time() const { return heap_.front().at; }
  // The earliest, taken out.
  Waiter& pop();

 private:
  struct Entry {
    Duration at;
    std::uint64_t sequence;
    std::uint32_t ticket;
    bool before(const Entry& other) const { return at != other.at ? at < other.at : sequence < other.sequence; }
  };
  static constexpr std::size_t kBranches = 4;
  void put(std::size_t place, const Entry& entry);
  void up(std::size_t place, const Entry& entry);
  void down(std::size_t place, const Entry& entry);

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> places_;  // in the heap, by ticket
  std::vector<Waiter*> waiters_;       // by ticket
  std::vector<std::uint32_t> free_;    // tickets
  std::uint64_t sequence_ = 0;
};

}  // namespace vortex::sim
