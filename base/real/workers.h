// Threads for what would block the loop. They start when they are first needed and take jobs in order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/loop.h"

namespace vortex {

class Workers {
 public:
  // Lives where its submitter put it, from submit() until done() is called: no allocation for a job.
  class Job {
   public:
    virtual void work() = 0;  // on a thread
    virtual void done() = 0;  // on the loop; may destroy the job

   protected:
    ~Job() = default;

   private:
    friend class Workers;
    Job* next_ = nullptr;
  };

  Workers(Loop& loop, std::size_t threads_max);
  // Finishes what was submitted.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Loop thread only. The context does not run out of work before done() was called.
  void submit(Job& job);

  // The same as an awaited call. A cancelled task still waits, since the call may use the task's memory.
  template <class F>
  Task<std::invoke_result_t<F&>> run(F call) {
    Call<F> job(loop_, call);
    submit(job);
    co_await job.parking.park_uncancellable();
    co_return std::move(*job.result);
  }

 private:
  template <class F>
  struct Call final : Job {
    Call(Loop& loop, F& f) : function(f), parking(loop) {}
    void work() override { result.emplace(function()); }
    void done() override { parking.wake(); }
    F& function;
    Parking parking;
    std::optional<std::invoke_result_t<F&>> result;
  };
  // First in, first out, linked through the jobs.
  struct Queue {
    Job* first = nullptr;
    Job* last = nullptr;
    std::size_t size = 0;
    void push(Job& job);
    Job* pop();
  };
  // What has ended and waits for the loop. While it is not empty a delivery is on its way; one that comes when the
  // workers are gone finds no owner.
  struct Finished {
    std::mutex mutex;
    Queue jobs;
    Workers* owner = nullptr;  // of the loop thread
  };
  void serve();
  void finish(Job& job);
  void deliver();

  Loop& loop_;
  const std::size_t threads_max_;
  std::size_t outstanding_ = 0;  // of the loop thread
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;

  std::mutex mutex_;  // for what follows
  std::condition_variable submitted_;
  Queue waiting_;
  std::size_t idle_ = 0;  // threads that wait, also those that were just notified
  bool stopping_ = false;
  std::vector<std::thread> threads_;

  const std::shared_ptr<Finished> finished_ = std::make_shared<Finished>();
};

}  // namespace vortex
