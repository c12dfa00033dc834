// Work done by the pool, many pieces at once, whose results come out in the order in which it was put in. Bounded by
// the weight of what is inside and of what was taken and not yet let go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/event.h"
#include "base/pool.h"
#include "base/unique_function.h"

namespace vortex::chunker {

// Room that a result which was taken still occupies in its window; given back when this goes. It may outlive the
// window. Loop thread only.
class WindowRoom {
 public:
  // What the pieces inside weigh together, and who waits for that to become less.
  struct Usage {
    explicit Usage(Loop& loop) : changed(loop) {}
    std::size_t weight = 0, pieces = 0;
    Event changed;
  };

  WindowRoom() = default;
  WindowRoom(std::shared_ptr<Usage> usage, std::size_t weight) : usage_(std::move(usage)), weight_(weight) {}
  WindowRoom(WindowRoom&& other) noexcept : usage_(std::move(other.usage_)), weight_(other.weight_) {}
  WindowRoom& operator=(WindowRoom&& other) noexcept {
    std::swap(usage_, other.usage_);
    std::swap(weight_, other.weight_);
    other.release();
    return *this;
  }
  ~WindowRoom() { release(); }

  std::size_t weight() const { return usage_ == nullptr ? 0 : weight_; }
  // For whoever keeps the result and answers for its memory himself.
  void release() {
    if (usage_ == nullptr) return;
    usage_->weight -= weight_;
    --usage_->pieces;
    usage_->changed.notify_all();
    usage_.reset();
  }

 private:
  std::shared_ptr<Usage> usage_;
  std::size_t weight_ = 0;
};

// One producer and one consumer, both on the loop thread. Before it goes, drain() has returned.
template <class T>
class OrderedWindow {
 public:
  struct Taken {
    T value;
    WindowRoom room;
  };
  using WeightOf = std::size_t (*)(const T&);

  // However heavy, two pieces may always be inside: one that the consumer holds and the next, for which he waits. A
  // result may weigh less than its work did: `weight_of`.
  OrderedWindow(Loop& loop, Pool& pool, std::size_t weight_max, WeightOf weight_of = nullptr)
      : pool_(pool),
        weight_max_(weight_max),
        weight_of_(weight_of),
        usage_(std::make_shared<WindowRoom::Usage>(loop)),
        idle_(loop) {}
  ~OrderedWindow() { CHECK(running_ == 0); }
  OrderedWindow(const OrderedWindow&) = delete;
  OrderedWindow& operator=(const OrderedWindow&) = delete;

  // Waits for room. The weight counts until the result has gone: until whoever took it lets go of its room.
  // `cancelled` (and the work undone) when the task is.
  Task<Status> put(std::size_t weight, UniqueFunction<T()> work) {
    CHECK(!finished_);
    while (usage_->pieces >= kPiecesMin && usage_->weight + weight > weight_max_) {
      bool woken = co_await usage_->changed.wait();
      if (!woken || abandoned_) co_return Code::cancelled;
    }
    usage_->weight += weight;
    ++usage_->pieces;
    auto slot = std::make_shared<Slot>();
    slot->weight = weight;
    slot->work = std::move(work);
    slots_.push_back(slot);
    ++running_;
    auto run = [slot] {
      slot->result.emplace(slot->work());
      slot->work = UniqueFunction<T()>();
    };
    auto done = [this, slot] { ended(*slot); };
    pool_.submit(UniqueFunction<void()>(run), UniqueFunction<void()>(done));
    co_return Status();
  }

  // Nothing more will be put.
  void finish() {
    finished_ = true;
    usage_->changed.notify_all();
  }
  // What was put is not all there should be: next() says `cancelled` from now on, so that nobody takes it for all.
  void abandon() {
    finished_ = abandoned_ = true;
    usage_->changed.notify_all();
  }

  // The next result in order; nothing after the last one. `cancelled` when the task is, or after abandon().
  Task<Result<std::optional<Taken>>> next() {
    while (!abandoned_ && (slots_.empty() ? !finished_ : !slots_.front()->done)) {
      bool woken = co_await usage_->changed.wait();
      if (!woken) co_return Code::cancelled;
    }
    if (abandoned_) co_return Code::cancelled;
    std::optional<Taken> taken;
    if (!slots_.empty()) {
      Slot& first = *slots_.front();
      taken.emplace(Taken{std::move(*first.result), WindowRoom(usage_, first.weight)});
      slots_.pop_front();
    }
    co_return std::move(taken);
  }

  // Waits, also in a cancelled task, until the pool has nothing of ours; results that nobody took are forgotten. After
  // producer and consumer have ended; one caller at a time.
  Task<void> drain() {
    if (running_ > 0) co_await idle_.park_uncancellable();
    for (const auto& slot : slots_) WindowRoom(usage_, slot->weight).release();
    slots_.clear();
  }

  std::size_t weight() const { return usage_->weight; }

 private:
  static constexpr std::size_t kPiecesMin = 2;
  struct Slot {
    std::size_t weight = 0;
    bool done = false;  // on the loop thread; `result` is the pool's until then
    UniqueFunction<T()> work;
    std::optional<T> result;
  };

  void ended(Slot& slot) {
    slot.done = true;
    if (weight_of_ != nullptr) {
      std::size_t less = slot.weight - std::min(slot.weight, weight_of_(*slot.result));
      slot.weight -= less;
      usage_->weight -= less;
    }
    --running_;
    usage_->changed.notify_all();
    if (running_ == 0) idle_.wake();
  }

  Pool& pool_;
  const std::size_t weight_max_;
  const WeightOf weight_of_;
  const std::shared_ptr<WindowRoom::Usage> usage_;
  std::size_t running_ = 0;
  bool finished_ = false, abandoned_ = false;
  std::deque<std::shared_ptr<Slot>> slots_;
  Parking idle_;
};

}  // namespace vortex::chunker
