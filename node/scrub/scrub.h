// Reads every chunk of this node again, all of them within a set time, and compares each with its id. What is bad the
// store sets aside and says so; it is healed like any copy that is missing.
#pragma once

#include <functional>
#include <string>

#include "base/event.h"
#include "base/task_group.h"
#include "node/chunk_store.h"

namespace vortex::node {

struct ScrubSettings {
  Duration period = std::chrono::hours(24 * 14);
  // Not slower than this, so that little data is not read for weeks.
  double rate_min = 256.0 * kKiB;
  // When somebody asked for it.
  double rate_asked = 64.0 * kMiB;
  Duration remember_every = seconds(60);

  ScrubSettings() {}
};

struct ScrubState {
  bool active = false;
  std::uint64_t passes = 0, bytes = 0, values = 0, damaged = 0;  // of the pass under way, or of the last one
  std::int64_t finished_ns = 0;                                  // wall time of the last one
};

class ScrubLoop {
 public:
  // `file` keeps how far it is over a restart.
  ScrubLoop(Env& env, ChunkStore& store, std::string file, ScrubSettings settings = ScrubSettings());
  void start();
  Task<void> stop();
  // A whole pass, now and quickly.
  void ask();
  const ScrubState& state() const { return state_; }
  std::function<void(const ScrubState&)> on_pass;

 private:
  Task<void> run();
  Task<void> remember();
  Task<Status> pass(wal::values::ScrubPosition from, bool asked);
  Task<wal::values::ScrubPosition> remembered();
  Task<Status> write_down();

  Env& env_;
  ChunkStore& store_;
  const std::string file_;
  const ScrubSettings settings_;
  ScrubState state_;
  wal::values::ScrubPosition position_;
  bool moved_ = false;
  bool asked_ = false;
  bool asked_pass_ = false;  // the pass under way is one that was asked for
  Event changed_;
  TaskGroup tasks_;
};

}  // namespace vortex::node
