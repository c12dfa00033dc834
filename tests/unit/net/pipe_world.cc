#include "tests/unit/net/pipe_world.h"

#include <algorithm>

namespace vortex::net::test {

TimerId HandClock::call_at(Instant at, UniqueFunction<void()> action) {
  ++timers_set;
  timers_.emplace(std::make_pair(at, ++last_), std::move(action));
  return last_;
}

void HandClock::cancel(TimerId timer) {
  std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
}

void HandClock::advance(Duration by, const std::function<void()>& settle) {
  Instant end = now_ + by;
  settle();
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    auto due = timers_.extract(timers_.begin());
    now_ = std::max(now_, due.key().first);
    due.mapped()();
    settle();
  }
  now_ = end;
}

void HandClock::oversleep(Duration by) {
  now_ += by;
  while (!timers_.empty() && timers_.begin()->first.first <= now_) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

PipeWorld::~PipeWorld() {
  tasks.cancel();
  for (int i = 0; i < 100 && tasks.size() > 0; ++i) {
    settle();
    advance(seconds(1));
  }
}

void PipeWorld::settle() {
  context_.restart();
  context_.poll();
}

RunningChannel::RunningChannel(PipeWorld& world, Switchboard& board, std::unique_ptr<Connection> connection,
                               Role peer_role, std::uint16_t version)
    : world_(world) {
  PeerInfo info;
  info.role = peer_role;
  info.version = version;
  info.address = connection->peer();
  channel_ = std::make_unique<Channel>(board, Secured(std::move(connection), std::move(info)));
  world.tasks.spawn(live(*channel_, ended_));
}

RunningChannel::~RunningChannel() {
  channel_->close(Error(Code::closed, "the test is over"));
  world_.advance(2 * kLinger);
  CHECK(ended_);
}

Task<void> RunningChannel::live(Channel& channel, bool& ended) {
  co_await channel.run();
  ended = true;
}

}  // namespace vortex::net::test
