// What whole systems are put through: a scenario builds a world from the seed, works it, and says what must hold.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/fault.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/world.h"

namespace vortex::sim {

// How a run of one seed went.
struct Outcome {
  Verdict verdict = Verdict::clean;
  std::string text;  // of the violation
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  Duration at{0};  // where it ended
  std::uint64_t faults = 0;
  std::uint64_t messages = 0;  // segments that arrived over the network
  std::vector<std::string> buggified;
  std::map<std::string, std::uint64_t> measured;
};

// One seed of one scenario, as the scenario sees it.
class Run {
 public:
  struct Settings {
    std::uint64_t seed = 1;
    std::optional<FaultPlan> plan;  // instead of the nemesis
    Trace::Sink trace;
    std::vector<std::uint64_t>* hashes = nullptr;  // after every event
  };
  explicit Run(Settings settings) : settings_(std::move(settings)) {}

  std::uint64_t seed() const { return settings_.seed; }
  // Once, before all else.
  World& make_world(WorldOptions options);
  World& world() { return *world_; }

  // Lets faults happen from now on: the plan's, where there is one, or those the nemesis draws.
  void unleash(NemesisOptions options);
  // No new faults, and recovery from the old ones: what follows must become well.
  void calm();
  // What must hold now; otherwise the run ends with that verdict.
  bool expect(bool holds, Verdict otherwise, std::string text);

  // A number worth knowing about the run; summed up over seeds.
  void measure(const std::string& name, std::uint64_t value) { measured_[name] += value; }

  Outcome outcome() const;
  // The faults that happened, as a plan.
  FaultPlan faults() const;

 private:
  Settings settings_;
  std::map<std::string, std::uint64_t> measured_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Nemesis> nemesis_;
};

// A campaign over all scenarios leaves out the figures: they measure and find nothing.
enum class Kind : std::uint8_t { check, figure };

struct Scenario {
  std::string_view name;
  std::string_view description;
  void (*body)(Run&);
  Kind kind = Kind::check;
};

// Sorted by name.
std::vector<Scenario> scenarios();
const Scenario* find_scenario(std::string_view name);

// A static object of this kind beside the scenario's body makes it known.
class Registration {
 public:
  Registration(std::string_view name, std::string_view description, void (*body)(Run&), Kind kind = Kind::check);
};

}  // namespace vortex::sim
