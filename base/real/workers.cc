#include "base/real/workers.h"

#include "base/real/signals_blocked.h"

namespace vortex {

void Workers::Queue::push(Job& job) {
  job.next_ = nullptr;
  (first == nullptr ? first : last->next_) = &job;
  last = &job;
  ++size;
}

Workers::Job* Workers::Queue::pop() {
  Job* job = first;
  if (job == nullptr) return nullptr;
  first = job->next_;
  --size;
  return job;
}

Workers::Workers(Loop& loop, std::size_t threads_max) : loop_(loop), threads_max_(threads_max) {
  CHECK(threads_max > 0);
  finished_->owner = this;
}

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  submitted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  deliver();
  finished_->owner = nullptr;
  CHECK(outstanding_ == 0);
}

void Workers::submit(Job& job) {
  if (outstanding_++ == 0) guard_.emplace(loop_.context().get_executor());
  std::lock_guard lock(mutex_);
  waiting_.push(job);
  if (waiting_.size <= idle_) {
    submitted_.notify_one();
  } else if (threads_.size() < threads_max_) {
    SignalsBlocked blocked;
    threads_.emplace_back([this] { serve(); });
  }
}

void Workers::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (Job* job = waiting_.pop()) {
      lock.unlock();
      job->work();
      finish(*job);
      lock.lock();
    }
    if (stopping_) return;
    ++idle_;
    submitted_.wait(lock);
    --idle_;
  }
}

// Many jobs that end while the loop is busy are delivered by one post.
void Workers::finish(Job& job) {
  std::lock_guard lock(finished_->mutex);
  bool first = finished_->jobs.size == 0;
  finished_->jobs.push(job);
  if (!first) return;
  asio::post(loop_.context(), [finished = finished_] {
    if (finished->owner != nullptr) finished->owner->deliver();
  });
}

void Workers::deliver() {
  Queue batch;
  {
    std::lock_guard lock(finished_->mutex);
    std::swap(batch, finished_->jobs);
  }
  while (Job* job = batch.pop()) {
    if (--outstanding_ == 0) guard_.reset();
    job->done();
  }
}

}  // namespace vortex
