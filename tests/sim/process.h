// One run of a program on a machine: its run queue, its Env, and its end.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "tests/sim/clock.h"
#include "tests/sim/dice.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/pool.h"
#include "tests/sim/program.h"

namespace vortex::sim {

class Machine;
class World;

class Process final : public Env, private LogSink {
 public:
  Process(Machine& machine, std::uint64_t number);
  ~Process() override;

  Loop& loop() override { return loop_; }
  Clock& clock() override { return clock_; }
  Network& network() override { return network_; }
  Disk& disk() override { return disk_; }
  Random& random() override { return random_; }
  Pool& pool() override { return pool_; }
  Log& log() override { return log_; }
  Metrics& metrics() override { return metrics_; }
  bool buggify(const char* site) override;
  void fail_stop(std::string_view reason) override;

  Machine& machine() { return machine_; }
  World& world() { return world_; }
  std::uint64_t number() const { return number_; }
  Program* program() { return program_.get(); }
  // What OpenSSL draws from while this process runs.
  Dice& secrets() { return secrets_; }

  void start(std::unique_ptr<Program> program);
  void spawn(Task<void> task) { tasks_.spawn(std::move(task)); }
  void request_stop();

  // Cut off from the world: every operation fails from here on.
  bool dead() const { return dead_; }
  // Its run queue is to be polled before time goes on.
  void touch();
  void resume();
  void rearm_timers() { clock_.rearm(); }
  // Everything under way ends with `cancelled`, nothing of it has an effect any more.
  void disconnect(bool power_cut);
  // Cancels the tasks and polls until they have ended. False when some ignore it; then the process must be left alone
  // for ever (see bury_alive).
  bool unwind();
  std::size_t tasks() const { return tasks_.size(); }
  // What the process holds right now; for tests of what must be given back.
  struct Usage {
    std::size_t connections = 0, timers = 0, waits = 0, jobs = 0;
    bool operator==(const Usage&) const = default;
    std::string to_string() const;
  };
  Usage usage() const;
  // Lets others run; dead processes wait like this, so that a loop that goes on in spite of its errors is seen.
  Task<void> yield();

 private:
  friend class World;
  void write(const LogRecord& record) override;
  Task<void> live();

  Machine& machine_;
  World& world_;
  const std::uint64_t number_;
  bool dead_ = false;
  bool touched_ = false;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  Loop loop_;
  SimClock clock_;
  Dice random_, secrets_;
  SimPool pool_;
  SimNetwork network_;
  SimDisk disk_;
  Log log_;
  Metrics metrics_;
  std::unique_ptr<Program> program_;
  TaskGroup tasks_;
};

// A process that cannot be unwound is kept, unreachable for everybody: its frames refer to each other.
void bury_alive(std::unique_ptr<Process> process);

}  // namespace vortex::sim
