// Env's pool: work runs on the loop's own thread, its completion comes later in virtual time.
#pragma once

#include <list>

#include "base/pool.h"
#include "tests/sim/waiters.h"

namespace vortex::sim {

class Process;

class SimPool final : public Pool {
 public:
  explicit SimPool(Process& process);
  ~SimPool() override;
  void submit(UniqueFunction<void()> work, UniqueFunction<void()> done) override;
  // Jobs whose `done` has not been called.
  std::size_t jobs() const { return jobs_.size(); }
  // Ends all jobs now: their tasks wait for them, cancelled or not.
  void disconnect();
  void resume();

 private:
  struct Job;
  void finish(Job& job);
  void end_in_queue(UniqueFunction<void()> work, UniqueFunction<void()> done);

  Process& process_;
  std::list<Job> jobs_;
  Duration last_start_{0};
};

}  // namespace vortex::sim
