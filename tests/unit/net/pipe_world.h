// The smallest world in which channels can be tried: one loop, a clock moved by hand, and connections in memory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "net/channel.h"
#include "tests/unit/net/pipe.h"

namespace vortex::net::test {

class HandClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall_now() const override { return WallTime(now_.time_since_epoch()); }
  TimerId call_at(Instant at, UniqueFunction<void()> action) override;
  void cancel(TimerId timer) override;
  // Runs what is due by then, in order, letting the loop run dry in between.
  void advance(Duration by, const std::function<void()>& settle);
  // Time passes while nothing runs; then what is due runs late, before anything that came meanwhile.
  void oversleep(Duration by);
  std::size_t timers() const { return timers_.size(); }
  std::size_t timers_set = 0;

 private:
  Instant now_{seconds(1000)};
  std::map<std::pair<Instant, TimerId>, UniqueFunction<void()>> timers_;
  TimerId last_ = 0;
};

class PipeWorld final : public Env, private LogSink {
 public:
  PipeWorld() : log_(clock_, *this, LogLevel::debug), tasks(loop_) {}
  ~PipeWorld() override;

  Loop& loop() override { return loop_; }
  HandClock& clock() override { return clock_; }
  Network& network() override {
    CHECK(network_);
    return *network_;
  }
  void use(Network& network) { network_ = &network; }
  Disk& disk() override { std::abort(); }
  Random& random() override { std::abort(); }
  Pool& pool() override { std::abort(); }
  Log& log() override { return log_; }
  Metrics& metrics() override { return metrics_; }
  bool buggify(const char*) override { return false; }
  void fail_stop(std::string_view) override { std::abort(); }

  void settle();
  void advance(Duration by) {
    clock_.advance(by, [this] { settle(); });
  }
  void oversleep(Duration by) {
    clock_.oversleep(by);
    settle();
  }
  // Runs a coroutine to its end without time passing.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    tasks.spawn(deliver(std::move(task), result));
    settle();
    CHECK(result.has_value());
    return std::move(*result);
  }
  template <class T>
  static Task<void> deliver(Task<T> task, std::optional<T>& result) {
    auto value = co_await std::move(task);
    result.emplace(std::move(value));
  }
  std::uint64_t total(std::string_view counter) const { return metrics_.total(counter); }

 private:
  void write(const LogRecord&) override {}
  asio::io_context context_;
  Loop loop_{context_};
  HandClock clock_;
  Log log_;
  Metrics metrics_;
  Network* network_ = nullptr;

 public:
  TaskGroup tasks;
};

// A channel that runs until it ends or its world does.
class RunningChannel {
 public:
  RunningChannel(PipeWorld& world, Switchboard& board, std::unique_ptr<Connection> connection, Role peer_role,
                 std::uint16_t version = 0);
  ~RunningChannel();
  Channel& operator*() { return *channel_; }
  Channel* operator->() { return channel_.get(); }
  bool ended() const { return ended_; }

 private:
  static Task<void> live(Channel& channel, bool& ended);
  PipeWorld& world_;
  std::unique_ptr<Channel> channel_;
  bool ended_ = false;
};

}  // namespace vortex::net::test
