// The door to the world. Everything that could make two runs differ comes through here; code below tools/ asks
// the system for none of it directly. Two worlds stand behind it: base/real/ and tests/sim/.
#pragma once

#include "base/clock.h"
#include "base/disk.h"
#include "base/loop.h"
#include "base/network.h"
#include "base/pool.h"
#include "base/random.h"

namespace vortex {

class Log;
class Metrics;

// One Env belongs to one node (or client) and to its loop thread.
class Env {
 public:
  virtual ~Env() = default;
  virtual Loop& loop() = 0;
  virtual Clock& clock() = 0;
  virtual Network& network() = 0;
  virtual Disk& disk() = 0;
  virtual Random& random() = 0;
  virtual Pool& pool() = 0;
  virtual Log& log() = 0;
  virtual Metrics& metrics() = 0;

  // Code asks for trouble: "should I take the rare branch here?" Always false in the real world; in simulation
  // the seed decides for each site whether it is active in this run, and then now and then says yes.
  virtual bool buggify(const char* site) = 0;

  // Nothing this process does from now on can be believed (a sync failed, say): it ends. The real world exits at once,
  // without clean-up; in simulation the machine crashes, the call returns, and every operation fails from here on.
  virtual void fail_stop(std::string_view reason) = 0;

  Instant now() { return clock().now(); }
};

// Both return `cancelled` at once when the task is cancelled.
Task<Status> sleep_until(Env& env, Instant at);
Task<Status> sleep_for(Env& env, Duration duration);

}  // namespace vortex
