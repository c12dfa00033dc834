// A thread with a loop and a real Env of its own, for programs whose other threads belong to somebody else.
#pragma once

#include <memory>
#include <thread>

#include "base/real/runner.h"
#include "base/unique_function.h"

namespace vortex {

class LoopThread {
 public:
  explicit LoopThread(RealOptions options);
  // Joined. On the thread itself it lets go instead: the thread frees what it needs when its root has ended.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // For tasks that will run there.
  Env& env();
  // Once. The thread ends when `root` does. It takes no signals.
  void start(Task<int> root);
  // Runs `work` on the thread, in the order of the calls, never inside this one. From any thread, while the root lives.
  void post(UniqueFunction<void()> work);
  // Is it this thread that asks?
  bool inside() const { return thread_.get_id() == std::this_thread::get_id(); }
  void join();

 private:
  std::shared_ptr<Runner> runner_;
  std::thread thread_;
};

}  // namespace vortex
