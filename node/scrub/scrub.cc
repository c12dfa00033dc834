#include "node/scrub/scrub.h"

#include <algorithm>

namespace vortex::node {

namespace {

constexpr std::size_t kPositionFileMax = 64;

}  // namespace

ScrubLoop::ScrubLoop(Env& env, ChunkStore& store, std::string file, ScrubSettings settings)
    : env_(env), store_(store), file_(std::move(file)), settings_(settings), changed_(env.loop()), tasks_(env.loop()) {}

void ScrubLoop::start() {
  tasks_.spawn(run());
  tasks_.spawn(remember());
}

Task<void> ScrubLoop::stop() { return tasks_.stop(); }

void ScrubLoop::ask() {
  if (asked_pass_) return;
  asked_ = true;
  changed_.notify_all();
}

Task<wal::values::ScrubPosition> ScrubLoop::remembered() {
  auto bytes = co_await read_file(env_.disk(), file_, kPositionFileMax);
  if (!bytes.ok()) co_return wal::values::ScrubPosition();
  auto position = decode<wal::values::ScrubPosition>(*bytes);
  // A place that is not known any more is the beginning.
  co_return position.ok() ? *position : wal::values::ScrubPosition();
}

Task<Status> ScrubLoop::write_down() {
  moved_ = false;
  ByteVector bytes = encode(position_);
  co_return co_await replace_file(env_.disk(), file_, std::move(bytes));
}

Task<void> ScrubLoop::remember() {
  while (true) {
    Status slept = co_await sleep_for(env_, settings_.remember_every);
    if (!slept.ok()) co_return;
    if (moved_) (void)(co_await write_down()).ok();
  }
}

Task<Status> ScrubLoop::pass(wal::values::ScrubPosition from, bool asked) {
  wal::values::ScrubOptions options;
  options.from = from;
  double live = static_cast<double>(store_.stats().stored_bytes);
  options.bytes_per_second = std::max(settings_.rate_min, live / to_seconds(settings_.period));
  if (asked) options.bytes_per_second = settings_.rate_asked;
  options.on_position = [this](wal::values::ScrubPosition position) {
    position_ = position;
    moved_ = true;
  };
  options.check = is_chunk;
  state_.active = true;
  auto report = co_await store_.scrub(std::move(options));
  state_.active = false;
  if (!report.ok()) co_return report.error();
  state_.bytes = report->bytes;
  state_.values = report->values;
  state_.damaged = report->damaged;
  ++state_.passes;
  state_.finished_ns = env_.clock().wall_now().time_since_epoch().count();
  position_ = wal::values::ScrubPosition();
  if (on_pass) on_pass(state_);
  co_return co_await write_down();
}

Task<void> ScrubLoop::run() {
  wal::values::ScrubPosition from = co_await remembered();
  while (true) {
    const bool asked = std::exchange(asked_, false);
    asked_pass_ = asked;
    const Instant begun = env_.now();
    if (asked) from = wal::values::ScrubPosition();
    // One that is asked for takes the place of the slow one under way.
    bool done = false;
    auto one = [](ScrubLoop* self, wal::values::ScrubPosition at, bool quickly, bool* ended) -> Task<void> {
      (void)(co_await self->pass(at, quickly)).ok();
      *ended = true;
      self->changed_.notify_all();
    };
    TaskGroup passing(env_.loop());
    passing.spawn(one(this, from, asked, &done));
    bool going = true;
    while (going && !done && !asked_) going = co_await changed_.wait();
    co_await passing.stop();
    asked_pass_ = false;
    if (!going) co_return;
    from = wal::values::ScrubPosition();
    const Instant next = begun + settings_.period;
    while (going && !asked_ && env_.now() < next) {
      auto wake = [this] { changed_.notify_all(); };
      TimerId timer = env_.clock().call_at(next, UniqueFunction<void()>(wake));
      going = co_await changed_.wait();
      env_.clock().cancel(timer);
    }
    if (!going) co_return;
  }
}

}  // namespace vortex::node
