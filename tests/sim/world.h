// A simulated world: virtual time, machines, a network between them, and a seed that decides everything.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/unique_function.h"
#include "tests/sim/dice.h"
#include "tests/sim/drive_options.h"
#include "tests/sim/machine.h"
#include "tests/sim/network_options.h"
#include "tests/sim/trace.h"
#include "tests/sim/waiters.h"

namespace vortex::sim {

class Fabric;

// How a run ended; the numbers are exit codes.
enum class Verdict : int { clean = 0, safety = 10, liveness = 11, crash = 12 };
std::string_view to_string(Verdict verdict);

struct Violation {
  Verdict verdict;
  Duration at;
  std::string text;
};

struct WorldOptions {
  NetworkOptions network;
  DriveOptions drive;
  // Rates of two machines' clocks differ by up to this factor; 1 makes all of them exact.
  double clock_ratio_max = 1.0;
  // Share of buggify sites that are active in a run, and how often an active one fires.
  double buggify_sites = 0, buggify_fires = 0.1;
  // How long work on the pool takes.
  Delay pool_delay = Delay{microseconds(5), microseconds(100), 0, Duration(0)};
  LogLevel log_level = LogLevel::info;
  // A violation ends a run and is kept for whoever asks; otherwise it fails a CHECK on the spot.
  bool collect_violations = false;

  WorldOptions() {}
};

class World {
 public:
  explicit World(std::uint64_t seed, WorldOptions options = WorldOptions());
  // Kills whatever still runs.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::uint64_t seed() const { return seed_; }
  const WorldOptions& options() const { return options_; }
  // Since the world began.
  Duration now() const { return now_; }

  // Machines are numbered from 1 and called "m1", "m2", … unless told otherwise.
  Machine& add_machine(std::string name = std::string());
  Machine& add_machine(std::string name, const DriveOptions& drive);
  Machine& machine(std::size_t number) { return *machines_.at(number - 1); }
  Machine* find_machine(std::string_view name);
  std::size_t machines() const { return machines_.size(); }
  Fabric& network() { return *fabric_; }

  // Takes the earliest waiter. False when there is none or a violation ended the run.
  bool step();
  void run_for(Duration duration);
  // False when `limit` passed, nothing is left to happen, or a violation ended the run.
  template <class Predicate>
  bool run_until(Predicate predicate, Duration limit = std::chrono::hours(1)) {
    const Duration end = now_ + limit;
    settle();
    while (!predicate()) {
      if (waiters_.empty() || waiters_.next_time() > end) {
        if (now_ < end && !stopped_) now_ = end;
        return predicate();
      }
      if (!step()) return predicate();
    }
    return true;
  }
  // Runs a coroutine on the machine to its end in virtual time and gives its result: the body of a unit test.
  // It is make(env, arguments…), with the machine's Env. Fails a CHECK when it does not end within an hour.
  template <class Make, class... Args>
  auto run(Machine& machine, Make make, Args&&... args) {
    using Value = typename decltype(make(machine.env(), std::forward<Args>(args)...))::value_type;
    return run_task<Value>(machine, make(machine.env(), std::forward<Args>(args)...));
  }

  // World-level events, seen by no program.
  void at(Duration when, UniqueFunction<void()> action);
  void after(Duration delay, UniqueFunction<void()> action) { at(now_ + delay, std::move(action)); }
  // `check` is called every `period`; it reports what it finds with violation().
  void every(Duration period, UniqueFunction<void()> check);

  void violation(Verdict verdict, std::string text);
  const std::vector<Violation>& violations() const { return violations_; }
  Verdict verdict() const { return violations_.empty() ? Verdict::clean : violations_.front().verdict; }

  // Dice of one's own, for scenarios and checkers.
  Dice dice(std::string_view purpose, std::uint64_t number = 0) const { return Dice(seed_, purpose, number); }
  Trace& trace() { return trace_; }
  void note(Happening kind, const Machine* machine, std::uint64_t a = 0, std::uint64_t b = 0);
  void note(Happening kind, const Machine* machine, std::string_view text);

  bool buggify(const Machine& machine, std::string_view site);
  // How often each site that fired has done so.
  const std::map<std::string, std::uint64_t, std::less<>>& buggified() const { return buggified_; }

  Waiters& waiters() { return waiters_; }
  // Time, seed and the process that runs at this moment, for messages about failures.
  std::string whereabouts() const;
  // What OpenSSL draws from at this moment.
  Dice& secrets();
  // The world on whose behalf this thread runs now.
  static World* current();

 private:
  friend class Machine;
  friend class Process;
  friend class SimClock;
  friend class SimPool;
  struct WorldEvent;

  template <class T>
  static Task<void> deliver(Task<T> task, std::optional<T>& result) {
    auto value = co_await std::move(task);
    result.emplace(std::move(value));
  }
  static Task<void> deliver(Task<void> task, std::optional<bool>& result) {
    co_await std::move(task);
    result.emplace(true);
  }
  template <class T>
  T run_task(Machine& machine, Task<T> task) {
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> result;
    machine.spawn(deliver(std::move(task), result));
    auto ended = [&result] { return result.has_value(); };
    CHECK_MSG(run_until(ended), "the coroutine given to World::run did not end");
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }

  // A process has something to do (its context is to be polled) or is dead and to be unwound.
  void ready(Process& process) { ready_.push_back(&process); }
  void reap(Process& process) { dead_.push_back(&process); }
  // Polls and reaps until nothing is left to do at this moment. Nothing when called from inside a process.
  void settle();
  void poll(Process& process);
  // Runs code of the process outside of its run queue: what it does to itself is seen to afterwards.
  template <class Action>
  void call_in(Process& process, Action& action) {
    Process* before = std::exchange(polling_, &process);
    action();
    polling_ = before;
  }

  void add_event(Duration when, Duration period, UniqueFunction<void()> action);

  const std::uint64_t seed_;
  const WorldOptions options_;
  Duration now_{0};
  bool stopped_ = false;
  Trace trace_;
  Waiters waiters_;
  std::vector<Process*> ready_;
  std::vector<Process*> dead_;
  Process* polling_ = nullptr;
  bool settling_ = false;
  World* const outer_;
  Dice secrets_;
  std::list<WorldEvent> events_;
  std::vector<Violation> violations_;
  std::map<std::string, std::optional<Dice>, std::less<>> buggify_sites_;
  std::map<std::string, std::uint64_t, std::less<>> buggified_;
  std::unique_ptr<Fabric> fabric_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::map<std::string, Machine*, std::less<>> by_name_;
};

}  // namespace vortex::sim
