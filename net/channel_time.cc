// One timer a connection: deadlines of calls and requests, silent peers, stuck writes, the end of lingering.
#include <algorithm>

#include "net/channel.h"

namespace vortex::net {

namespace {
// Deadlines nearer to each other than this are swept together.
constexpr Duration kGrain = milliseconds(1);
}  // namespace

// The timer is only ever moved forward: a call that was answered leaves it where it is, so that in a steady stream of
// calls it is set once in a timeout's time.
void Channel::arm(Instant at) {
  if (timer_ != kNoTimer && timer_at_ <= at) return;
  if (timer_ != kNoTimer) env_.clock().cancel(timer_);
  timer_at_ = at;
  auto due = [this] {
    timer_ = kNoTimer;
    lateness_ = env_.now() - timer_at_;
    sweep();
  };
  timer_ = env_.clock().call_at(at, UniqueFunction<void()>(due));
}

void Channel::sweep() {
  Instant now = env_.now();
  if (!open()) {
    Instant next = check_linger(now);
    if (next > now) arm(next);
    return;
  }
  Instant next = std::min({expire_calls(now), expire_requests(now), check_peer(now)});
  parser_.shrink();
  outbox_.shrink();
  if (open()) arm(std::max(next, now + kGrain));
}

Instant Channel::expire_calls(Instant now) {
  Instant next = Instant::max();
  for (std::size_t place = 0; calls_ > 0 && place < slots_.size(); ++place) {
    Slot& slot = slots_[place];
    if (!slot.call) continue;
    if (slot.deadline > now) {
      next = std::min(next, slot.deadline);
      continue;
    }
    std::uint64_t id = slot.id;
    const MethodInfo& method = *slot.method;
    switchboard_.metrics.calls_timed_out.add();
    forget(method, id);
    fail(slot, Code::timed_out);
  }
  return next;
}

Instant Channel::expire_requests(Instant now) {
  Instant next = Instant::max();
  for (auto& [id, serving] : serving_) {
    if (serving.dropped) continue;
    if (serving.deadline > now) {
      next = std::min(next, serving.deadline);
      continue;
    }
    switchboard_.metrics.requests_expired.add();
    serving.dropped = true;
    handlers_.cancel(serving.task);
    answer_error(*serving.method, id, Code::timed_out);
  }
  return next;
}

// A pause of our own looks like a peer that does nothing. So nobody is given up at the first look, and not while we
// come late ourselves: what came meanwhile is read between the two looks.
bool Channel::is_over(Doubt& doubt, Instant by, Instant now) const {
  if (now < by) return false;
  if (doubt.by != by || lateness_ >= kSecondLook) {
    doubt.by = by;
    doubt.look_again = now + kSecondLook;
  }
  return now >= doubt.look_again;
}

Instant Channel::check_peer(Instant now) {
  Instant next = Instant::max();
  if (writing_) {
    if (is_over(write_doubt_, write_deadline_, now)) {
      tell_peer_ = false;
      close(Error(Code::timed_out, "the peer does not read"));
      return next;
    }
    next = std::max(write_deadline_, now + kSecondLook);
  }
  // While nothing is read from the peer, its silence is no fault of its own.
  if (must_stop_reading()) {
    frame_seen_ = 0;
    return std::min(next, now + kPingAfter);
  }
  // A frame that is being received takes memory, perhaps room from all others, and each of its bytes counts as a sign
  // of life.
  if (std::size_t size = parser_.under_way(); size > 0) {
    Instant whole_by = frame_over_at(now, size);
    if (is_over(frame_doubt_, whole_by, now)) {
      close(Error(Code::timed_out, "the peer does not finish what it has begun to send"));
      return next;
    }
    next = std::min(next, std::max(whole_by, now + kSecondLook));
  }
  if (ping_sent_) {
    Instant answer_by = ping_at_ + kPingPatience - kSecondLook;
    if (is_over(ping_doubt_, answer_by, now)) {
      tell_peer_ = false;
      close(Error(Code::timed_out, "the peer is silent"));
      return next;
    }
    return std::min(next, std::max(answer_by, now + kSecondLook));
  }
  if (now >= last_received_ + kPingAfter) {
    ping_sent_ = true;
    ping_at_ = now;
    send_plain(Kind::ping, 1, Priority::control);
    return std::min(next, now + kPingPatience);
  }
  return std::min(next, last_received_ + kPingAfter);
}

// By when the frame under way must have come. Its beginning is only noted where that costs nothing: else it counts from
// the sweep that finds it.
Instant Channel::frame_over_at(Instant now, std::size_t size) {
  if (frame_seen_ != parser_.ended() + 1) {
    frame_seen_ = parser_.ended() + 1;
    frame_at_ = now;
    if (admitted_ > 0) frame_at_ = admitted_at_;
  }
  return frame_at_ + kReadPatience + seconds(size / kSlowestBytesPerSecond);
}

// What could not be said by now will not be said.
Instant Channel::check_linger(Instant now) {
  if (now < linger_until_) return linger_until_;
  connection_->close();
  return now;
}

}  // namespace vortex::net
