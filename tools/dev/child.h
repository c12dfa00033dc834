// Processes that outlive us: started, looked after and ended by number, without ever touching somebody else's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace vortex::dev {

// A process as it can be written down. Numbers of processes are used again; with the moment of its start it is
// certain who is meant.
struct Child {
  int pid = 0;
  std::uint64_t started = 0;  // in ticks since the machine booted; 0: none

  bool alive() const;
};

// Starts a program in a session of its own, with stderr into `log` (appended) and waits for its first line on stdout.
// When it ends before, or says nothing in time, it fails with the log's last line; then nothing is left running.
struct Started {
  Child child;
  std::string first_line;
};
Result<Started> start_child(const std::vector<std::string>& command, const std::string& log, Duration patience);

// Sends the signal and waits until the process is gone. Nothing when it was not alive.
Status end_child(const Child& child, int signal, Duration patience);

// The folder of the running program.
std::string program_directory();

}  // namespace vortex::dev
