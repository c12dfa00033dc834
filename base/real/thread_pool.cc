#include "base/real/thread_pool.h"

#include <utility>

namespace vortex {

namespace {
struct PoolJob final : Workers::Job {
  PoolJob(UniqueFunction<void()> w, UniqueFunction<void()> d) : work_part(std::move(w)), done_part(std::move(d)) {}
  void work() override { work_part(); }
  void done() override {
    auto last = std::move(done_part);
    delete this;
    if (last) last();
  }
  UniqueFunction<void()> work_part, done_part;
};
}  // namespace

void ThreadPool::submit(UniqueFunction<void()> work, UniqueFunction<void()> done) {
  workers_.submit(*new PoolJob(std::move(work), std::move(done)));
}

}  // namespace vortex
