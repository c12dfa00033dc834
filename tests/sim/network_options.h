// How the simulated network behaves when nothing in particular happens to it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tests/sim/dice.h"

namespace vortex::sim {

struct NetworkOptions {
  Delay latency{microseconds(80), microseconds(250), 0.001, milliseconds(20)};
  // Each direction of each pair of machines; 0 is without limit.
  std::uint64_t bytes_per_second = 0;
  // Chance that a read gives fewer bytes than there are.
  double read_splits = 0.1;
  // Chances for every segment sent (the connection is reset in its middle) and every dial (refused though somebody
  // listens).
  double resets = 0, refusals = 0;
  // What a sender may have under way and unread on one connection.
  std::size_t window = 256 * 1024;
  // How long a sender goes on retransmitting before its connection fails.
  Duration give_up = std::chrono::seconds(60);
  // Content of messages goes into the trace's hash, not only sizes.
  bool trace_content = false;

  NetworkOptions() {}
};

}  // namespace vortex::sim
