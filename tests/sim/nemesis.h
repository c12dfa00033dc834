// Draws faults from the seed and lets them happen.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/dice.h"
#include "tests/sim/fault.h"
#include "tests/sim/waiters.h"

namespace vortex::sim {

// Weights are relative; 0 leaves a kind out.
struct NemesisOptions {
  // Whom it may hit; all machines when empty.
  std::vector<std::string> machines;
  Duration pause_min = milliseconds(50), pause_max = seconds(3);   // between two faults
  Duration lasts_min = milliseconds(100), lasts_max = seconds(8);  // how long one stays
  // At most so many machines are down, paused or without disk at the same time.
  std::size_t down_max = 1;
  double kill = 4, power_cut = 3, pause = 2, stop = 1, restart = 1;
  double partition = 2, cut = 2, clog = 2, slow_link = 1, reset = 3, silence = 1, bad_network = 1;
  double disk_slow = 1, disk_hang = 0.5, disk_full = 0.5;
  double clock_rate = 0, wall_jump = 1;
  // These lose or damage data: for systems that have copies elsewhere or are told to expect it.
  double lose_disk = 0, flip_bits = 0, disk_errors = 0, disk_broken = 0;
  // All clocks stay within this factor of each other.
  double clock_ratio_max = 1.25;

  NemesisOptions() {}
};

class Nemesis final : private Waiter {
 public:
  Nemesis(World& world, NemesisOptions options);
  void begin();
  // No new ones; those that last end by themselves, or with recover().
  void end();
  // What has happened so far, to be replayed as a plan.
  const FaultPlan& done() const { return done_; }

 private:
  struct Kind {
    std::string action;
    double weight;
    void (Nemesis::*fill)(Fault&);
  };
  void fire() override;
  void begin_next();
  const Kind& draw_kind();
  std::string any_machine();
  void one_machine(Fault& fault);
  void two_machines(Fault& fault);
  void some_machines(Fault& fault);
  void slow_link(Fault& fault);
  void bad_network(Fault& fault);
  void slow_disk(Fault& fault);
  void full_disk(Fault& fault);
  void disk_errors(Fault& fault);
  void flips(Fault& fault);
  void clock_rate(Fault& fault);
  void wall_jump(Fault& fault);
  std::size_t machines_down() const;

  World& world_;
  NemesisOptions options_;
  std::vector<Kind> kinds_;
  Dice dice_;
  Duration began_{0};
  FaultPlan done_;
};

}  // namespace vortex::sim
