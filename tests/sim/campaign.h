// Runs of many seeds, each in a process of its own, so that a crash is one seed's and the campaign goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace vortex::sim {

struct CampaignOptions {
  std::vector<Scenario> scenarios;
  std::uint64_t first = 1, last = 1;
  // Runs every seed a second time and compares the traces.
  bool twice = false;
  std::size_t jobs = 1;
  // Real time; a seed that takes longer hangs.
  std::chrono::seconds limit{600};
  std::optional<FaultPlan> plan;
};

struct SeedResult {
  std::string scenario;
  std::uint64_t seed = 0;
  Outcome outcome;
  double seconds = 0;
};

// Runs the seed in this process, twice where that is asked for: two runs that differ are a crash-class defect, and the
// text says where they part.
Outcome run_seed(const Scenario& scenario, const Run::Settings& settings, bool twice);

// Tells `done` each result, in the order in which they end.
void run_campaign(const CampaignOptions& options, const std::function<void(const SeedResult&)>& done);

}  // namespace vortex::sim
