#include "tests/sim/pool.h"

#include <algorithm>
#include <vector>

#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
constexpr std::uint64_t kStartDelayMax = 20;  // microseconds
}

// Fires twice: when its work starts, in the order of submission, and when it is done, in any order.
struct SimPool::Job final : Waiter {
  Job(SimPool& p, UniqueFunction<void()> w, UniqueFunction<void()> d)
      : pool(p), work(std::move(w)), done(std::move(d)) {}
  void fire() override {
    if (pool.process_.machine().paused()) {
      due = true;
    } else if (work) {
      start();
    } else {
      pool.finish(*this);
    }
  }
  void start() {
    World& world = pool.process_.world();
    auto started = std::exchange(work, {});
    world.call_in(pool.process_, started);
    world.waiters().arm(*this, world.now() + world.options().pool_delay.sample(pool.process_.machine().dice()));
  }

  SimPool& pool;
  UniqueFunction<void()> work, done;
  std::list<Job>::iterator place;
  bool due = false;  // came due while the process was paused
};

SimPool::SimPool(Process& process) : Pool(process.loop()), process_(process) {}
SimPool::~SimPool() = default;

void SimPool::submit(UniqueFunction<void()> work, UniqueFunction<void()> done) {
  if (process_.dead()) {
    end_in_queue(std::move(work), std::move(done));
    return;
  }
  jobs_.emplace_back(*this, std::move(work), std::move(done));
  Job& job = jobs_.back();
  job.place = std::prev(jobs_.end());
  World& world = process_.world();
  last_start_ = std::max(last_start_, world.now() + microseconds(process_.machine().dice().below(kStartDelayMax)));
  world.waiters().arm(job, last_start_);
}

void SimPool::finish(Job& job) {
  process_.world().note(Happening::pool, &process_.machine());
  auto done = std::move(job.done);
  jobs_.erase(job.place);
  process_.world().call_in(process_, done);
  process_.touch();
}

void SimPool::resume() {
  std::vector<Job*> due;
  for (Job& job : jobs_)
    if (std::exchange(job.due, false)) due.push_back(&job);
  for (Job* job : due) job->fire();
}

void SimPool::disconnect() {
  for (Job& job : jobs_) end_in_queue(std::move(job.work), std::move(job.done));
  jobs_.clear();
}

void SimPool::end_in_queue(UniqueFunction<void()> work, UniqueFunction<void()> done) {
  asio::post(loop_.context(), [w = std::move(work), d = std::move(done)]() mutable {
    if (w) w();
    d();
  });
}

}  // namespace vortex::sim
