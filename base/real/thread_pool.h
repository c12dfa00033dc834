// Pool on threads.
#pragma once

#include "base/pool.h"
#include "base/real/workers.h"

namespace vortex {

class ThreadPool final : public Pool {
 public:
  ThreadPool(Loop& loop, std::size_t threads) : Pool(loop), workers_(loop, threads) {}
  void submit(UniqueFunction<void()> work, UniqueFunction<void()> done) override;

 private:
  Workers workers_;
};

}  // namespace vortex
