// Faults by name: what a plan in a file lists, and what the nemesis draws.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace vortex::sim {

class Machine;
class World;

// One entry of a plan. tests/sim/README.md has the table of actions and of what each of them takes.
struct Fault {
  Duration at{0};           // since the plan began
  std::string action;       // "kill", "cut", "disk-full", …
  std::string machine, to;  // names; `to` is the other end of a link
  Duration lasts{0};        // undone after so long; 0: never
  std::vector<std::string> group;
  std::map<std::string, double, std::less<>> numbers;
  std::map<std::string, std::string, std::less<>> texts;

  double number(std::string_view name, double otherwise) const;
  std::string text(std::string_view name) const;
};

// Does it, and arranges for its end. An error names what the world or the action does not know.
Status apply(World& world, const Fault& fault);
// Is there such an action, with such machines and settings?
Status check(World& world, const Fault& fault);
// Does the machine stop serving for a while?
bool takes_down(std::string_view action);

struct FaultPlan {
  std::vector<Fault> faults;

  static Result<FaultPlan> parse(std::string_view json);
  std::string to_json() const;
};

// Arranges for all of the plan to happen, from now on.
Status start(World& world, const FaultPlan& plan);

// What an operator and time would do: everything in the network and on the disks is well again, clocks run true, and
// all machines are on, awake and running.
void recover(World& world);

}  // namespace vortex::sim
