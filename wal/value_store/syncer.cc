#include "wal/value_store/syncer.h"

namespace vortex::wal::values {

Syncer::Syncer(Env& env, std::string directory, std::function<void(const Error&)> failed)
    : env_(env), directory_(std::move(directory)), failed_(std::move(failed)), done_(env.loop()), group_(env.loop()) {}

Task<Status> Syncer::sync() {
  if (!broken_.ok()) co_return broken_;
  if (clean()) co_return Status();
  // A round that runs already may have begun before our bytes were written.
  const std::uint64_t mine = started_ + 1;
  wanted_ = std::max(wanted_, mine);
  if (!running_) {
    running_ = true;
    group_.spawn(rounds_while_wanted());
  }
  while (completed_ < mine && broken_.ok()) {
    bool woken = co_await done_.wait();
    if (!woken) co_return Code::cancelled;
  }
  co_return broken_;
}

Task<void> Syncer::rounds_while_wanted() {
  while (broken_.ok() && started_ < wanted_) {
    const std::uint64_t number = ++started_;
    Status status = co_await round();
    if (!status.ok()) {
      broken_ = status;
      failed_(status.error());
    } else {
      completed_ = number;
    }
    done_.notify_all();
  }
  running_ = false;
}

Task<Status> Syncer::round() {
  auto segments = std::exchange(dirty_, {});
  if (std::exchange(names_dirty_, false)) CO_RETURN_IF_ERROR(co_await env_.disk().sync_directory(directory_));
  if (segments.size() == 1) {
    Status outcome;
    co_await sync_one(segments.begin()->second, outcome);
    co_return outcome;
  }
  std::list<Status> outcomes;
  TaskGroup group(env_.loop());
  for (auto& [number, segment] : segments) group.spawn(sync_one(segment, outcomes.emplace_back()));
  co_await group.join();
  for (Status& outcome : outcomes)
    if (!outcome.ok()) co_return outcome;
  co_return Status();
}

Task<void> Syncer::sync_one(std::shared_ptr<Segment> segment, Status& outcome) {
  const std::uint64_t end = segment->end;
  auto file = segment->file;
  // Synced by the round before, and closed.
  if (!file && !segment->dirty) co_return;
  CHECK(file != nullptr);
  segment->dirty = false;
  Status status = co_await file->sync();
  if (status.ok()) segment->durable = std::max(segment->durable, end);
  outcome = status;
}

}  // namespace vortex::wal::values
