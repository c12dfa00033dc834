// Work done by the pool, many pieces at once, whose results come out in the order in which it was put in. Bounded by
// the weight of what is inside.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/event.h"
#include "base/pool.h"
#include "base/unique_function.h"

namespace vortex::chunker {

// One producer and one consumer, both on the loop thread. Before it goes, drain() has returned.
template <class T>
class OrderedWindow {
 public:
  // One piece of work may always be inside, however heavy.
  OrderedWindow(Loop& loop, Pool& pool, std::size_t weight_max)
      : pool_(pool), weight_max_(weight_max), changed_(loop), idle_(loop) {}
  ~OrderedWindow() { CHECK(running_ == 0); }
  OrderedWindow(const OrderedWindow&) = delete;
  OrderedWindow& operator=(const OrderedWindow&) = delete;

  // Waits for room. The weight counts until the result was taken. `cancelled` (and the work undone) when the task is.
  Task<Status> put(std::size_t weight, UniqueFunction<T()> work) {
    CHECK(!finished_);
    while (!slots_.empty() && weight_ + weight > weight_max_) {
      bool woken = co_await changed_.wait();
      if (!woken) co_return Code::cancelled;
    }
    weight_ += weight;
    auto slot = std::make_shared<Slot>();
    slot->weight = weight;
    slot->work = std::move(work);
    slots_.push_back(slot);
    ++running_;
    auto run = [slot] {
      slot->result.emplace(slot->work());
      slot->work = UniqueFunction<T()>();
    };
    auto done = [this, slot] {
      slot->done = true;
      --running_;
      changed_.notify_all();
      if (running_ == 0) idle_.wake();
    };
    pool_.submit(UniqueFunction<void()>(run), UniqueFunction<void()>(done));
    co_return Status();
  }

  // Nothing more will be put.
  void finish() {
    finished_ = true;
    changed_.notify_all();
  }

  // The next result in order; nothing after the last one. `cancelled` when the task is.
  Task<Result<std::optional<T>>> next() {
    while (slots_.empty() ? !finished_ : !slots_.front()->done) {
      bool woken = co_await changed_.wait();
      if (!woken) co_return Code::cancelled;
    }
    std::optional<T> result;
    if (!slots_.empty()) {
      result = std::move(slots_.front()->result);
      weight_ -= slots_.front()->weight;
      slots_.pop_front();
      changed_.notify_all();
    }
    co_return std::move(result);
  }

  // Waits, also in a cancelled task, until the pool has nothing of ours; results that nobody took are forgotten. After
  // producer and consumer have ended; one caller at a time.
  Task<void> drain() {
    if (running_ > 0) co_await idle_.park_uncancellable();
    slots_.clear();
    weight_ = 0;
  }

  std::size_t weight() const { return weight_; }

 private:
  struct Slot {
    std::size_t weight = 0;
    bool done = false;  // on the loop thread; `result` is the pool's until then
    UniqueFunction<T()> work;
    std::optional<T> result;
  };

  Pool& pool_;
  std::size_t weight_max_;
  std::size_t weight_ = 0;
  std::size_t running_ = 0;
  bool finished_ = false;
  std::deque<std::shared_ptr<Slot>> slots_;
  Event changed_;
  Parking idle_;
};

}  // namespace vortex::chunker
