#include "dht/heartbeat/watch.h"

namespace vortex::dht {

void Watch::become(State state, Instant now) {
  state_ = state;
  entered_ = now;
}

void Watch::heard(Instant now) {
  if (heard_ > since_) accrual_.gap(now - heard_);
  heard_ = std::max(heard_, now);
  broken_ = false;
  if (state_ >= State::suspect) flapped(now);
  if (state_ != State::well) become(State::well, now);
}

// A suspicion was not true.
void Watch::flapped(Instant now) {
  if (flaps_ < kFlapsMax) ++flaps_;
  flapped_ = now;
}

void Watch::begin(Instant now) {
  since_ = now;
  broken_ = false;
  become(State::well, now);
}

void Watch::late(Instant now, Duration by, const WatchTimes& times) {
  // After long the peers have given this observer up, too, and connections are made anew.
  bool long_time = by >= 2 * times.period;
  since_ = long_time ? now : std::min(now, std::max(heard_, since_) + by);
  entered_ = long_time ? now : std::min(now, entered_ + by);
  not_before_ = now + std::min(by / 2, times.period);
  broken_ = false;
}

void Watch::refuted(Instant now, const WatchTimes& times) {
  if (state_ >= State::suspect) flapped(now);
  begin(now);
  excused_until_ = now + kExcusedPeriods * times.period;
}

void Watch::asked(std::size_t helpers, Instant now) {
  helpers_ = helpers;
  answers_ = 0;
  asked_at_ = now;
}

void Watch::answered(bool reached, Instant now, const WatchTimes& times) {
  ++answers_;
  if (!reached || (state_ != State::asking && state_ != State::suspect)) return;
  // Only the way from here to there is bad.
  broken_ = false;
  excused_until_ = now + kExcusedPeriods * times.period;
  become(State::well, now);
}

Watch::Action Watch::tick(Instant now, const WatchTimes& times) {
  if (flaps_ > 0 && now - flapped_ > kFlapFades) {
    --flaps_;
    flapped_ = now;
  }
  if (now < not_before_) return Action::none;
  switch (state_) {
    case State::well: {
      if (now < excused_until_) return Action::none;
      Duration patience = accrual_.patience(times.period) * (1 + flaps_);
      if (!broken_ && silence(now) < patience) return Action::none;
      become(State::asking, now);
      return Action::ask;
    }
    case State::asking: {
      bool all_said_no = helpers_ > 0 && answers_ == helpers_;
      if (!all_said_no && now < entered_ + times.probe) return Action::none;
      // A connection that broke is no silence: the peer may be coming back by another.
      if (silence(now) < 2 * times.period) return Action::none;
      become(State::suspect, now);
      return Action::suspect;
    }
    case State::suspect: {
      // Where nobody at all answers, the observer is more likely to be the one that is cut off.
      if (now < entered_ + times.confirm * (unanswered() ? kAlonePatience : 1)) return Action::none;
      become(State::dead, now);
      return Action::condemn;
    }
    case State::dead:
      return Action::none;
  }
  return Action::none;
}

}  // namespace vortex::dht
