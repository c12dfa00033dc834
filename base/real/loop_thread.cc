#include "base/real/loop_thread.h"

#include <utility>

#include "base/real/signals_blocked.h"

namespace vortex {

LoopThread::LoopThread(RealOptions options) : runner_(std::make_shared<Runner>(options)) {}

LoopThread::~LoopThread() {
  if (thread_.joinable() && inside()) thread_.detach();
  join();
}

Env& LoopThread::env() { return runner_->env(); }

void LoopThread::start(Task<int> root) {
  CHECK(!thread_.joinable());
  SignalsBlocked blocked;
  auto body = [runner = runner_, root = std::move(root)]() mutable { runner->run_without_signals(std::move(root)); };
  thread_ = std::thread(std::move(body));
}

void LoopThread::post(UniqueFunction<void()> work) { asio::post(env().loop().context(), std::move(work)); }

void LoopThread::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace vortex
