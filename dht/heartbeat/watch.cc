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
  if (state_ >= State::suspect && flaps_ < kFlapsMax) ++flaps_;
  if (state_ >= State::suspect) flapped_ = now;
  if (state_ != State::well) become(State::well, now);
}

void Watch::excuse(Instant now) {
  since_ = now;
  broken_ = false;
  if (state_ == State::asking || state_ == State::suspect) become(State::well, now);
}

void Watch::asked(std::size_t helpers, Instant) {
  helpers_ = helpers;
  answers_ = 0;
}

void Watch::answered(bool reached, Instant now, const WatchTimes& times) {
  ++answers_;
  if (!reached || (state_ != State::asking && state_ != State::suspect)) return;
  // Only the way from here to there is bad.
  broken_ = false;
  excused_until_ = now + 4 * times.period;
  become(State::well, now);
}

Watch::Action Watch::tick(Instant now, const WatchTimes& times) {
  if (flaps_ > 0 && now - flapped_ > kFlapFades) {
    --flaps_;
    flapped_ = now;
  }
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
      bool alone = helpers_ > 0 && answers_ == 0;
      if (now < entered_ + times.confirm * (alone ? kAlonePatience : 1)) return Action::none;
      become(State::dead, now);
      return Action::condemn;
    }
    case State::dead:
      return Action::none;
  }
  return Action::none;
}

}  // namespace vortex::dht
