// A simulated machine: a drive and clocks that outlive processes, and at most one process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/sim/dice.h"
#include "tests/sim/machine_clock.h"
#include "tests/sim/program.h"

namespace vortex::sim {

class Drive;
struct DriveOptions;
class Process;
class World;

class Machine {
 public:
  Machine(World& world, std::uint32_t number, std::string name, const DriveOptions& drive);
  ~Machine();

  std::uint32_t number() const { return number_; }
  const std::string& name() const { return name_; }
  // What others connect to; its name works as well as its number.
  std::string host() const;
  Address address(std::uint16_t port) const { return Address{host(), port}; }
  World& world() { return world_; }
  Drive& drive() { return *drive_; }
  MachineClock& clock() { return clock_; }
  Dice& dice() { return dice_; }

  // Starts the process; the factory is kept for later starts. The machine is switched on when it is off.
  void start(ProgramFactory factory);
  void start();
  // SIGTERM: asks the program to stop and returns; the process exits when its run() has returned.
  void stop();
  // SIGKILL: what was written stays (page cache), connections are closed by the system. Nothing when nothing runs.
  void kill();
  // The process is gone, peers hear nothing any more, and the drive forgets what was not synced.
  void power_cut();
  // The process is gone and the drive is empty.
  void lose_disk();
  // kill() and start().
  void restart();

  // Its timers follow. One million is exact.
  void set_clock_rate(std::int64_t millionths);
  void jump_wall_clock(Duration by);

  // SIGSTOP and SIGCONT: timers come late, packets queue up.
  void pause();
  void resume();
  bool paused() const { return paused_; }

  bool running() const;
  bool powered() const { return powered_; }
  // Processes started so far.
  std::uint64_t processes() const { return processes_; }
  // Why the last process ended itself with fail_stop; empty when it did not.
  const std::string& fail_stop_reason() const { return fail_stop_reason_; }
  // A service manager: where the program exits or stops itself without being told to, it is started again after so
  // long.
  void keep_running(Duration delay) { restart_delay_ = delay; }
  // Called after every end of a process, whatever the cause.
  void on_exit(std::function<void()> action) { on_exit_ = std::move(action); }

  // The running process's; where nothing runs, a process without a program is started, for tests.
  Env& env();
  // Runs on the process beside its program; cancelled when the process dies.
  void spawn(Task<void> task);
  Program* program();
  template <class P>
  P& as() {
    return dynamic_cast<P&>(*program());
  }
  Process* process() { return process_.get(); }

 private:
  friend class Process;
  friend class World;
  enum class End { exited, killed, power_cut };
  void end_process(End how);
  void fail_stop(std::string_view reason);
  // Unwinds and frees the dead process.
  void bury();
  void start_later();
  std::unique_ptr<Process> new_process();

  World& world_;
  const std::uint32_t number_;
  const std::string name_;
  Dice dice_;
  MachineClock clock_;
  std::unique_ptr<Drive> drive_;
  ProgramFactory factory_;
  std::unique_ptr<Process> process_;
  std::uint64_t processes_ = 0;
  bool powered_ = true;
  bool paused_ = false;
  bool start_again_ = false;
  bool stop_requested_ = false;
  std::optional<Duration> restart_delay_;
  std::string fail_stop_reason_;
  std::function<void()> on_exit_;
};

}  // namespace vortex::sim
