// Is there an order of all operations, each between its call and its return, in which every one saw what it says? After
// Wing and Gong, with Lowe's memory of what was tried. Keys that no operation ties together are checked apart, so the
// order found is one for each group of keys; operations over several keys tie them, which makes it strict
// serialisability.
#pragma once

#include <cstdint>
#include <string>

#include "tests/checkers/history.h"

namespace vortex::dht {

struct LinearizabilityResult {
  enum class Verdict : std::uint8_t { holds, violated, undecided };
  Verdict verdict = Verdict::holds;
  std::string text;  // what is wrong, with the operations around it
  std::uint64_t steps = 0;
  std::size_t groups = 0;
};

// Gives up, undecided, after so many steps.
LinearizabilityResult check_linearizability(const History& history, std::uint64_t steps_max = 20'000'000);

}  // namespace vortex::dht
