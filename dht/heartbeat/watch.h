// From silence to a verdict: what one observer thinks of one member. A pure state machine; whoever runs it asks others
// to probe, tells everybody of suspicions, and brings the time.
#pragma once

#include <cstddef>

#include "dht/heartbeat/accrual.h"
#include "dht/members/member.h"

namespace vortex::dht {

struct WatchTimes {
  Duration period = kHeartbeatInterval;  // between two signs of life
  Duration probe = 2 * kHeartbeatInterval;
  // Between the word that a member is suspected and its end, for the member to refute it.
  Duration confirm = 2 * kHeartbeatInterval;
};

class Watch {
 public:
  enum class State : std::uint8_t {
    well,
    asking,   // silent for too long, or its connection broke: others are asked whether they reach it
    suspect,  // nobody does
    dead,
  };
  enum class Action : std::uint8_t { none, ask, suspect, condemn };

  explicit Watch(Instant now) : since_(now) {}

  State state() const { return state_; }
  // When it was last heard; long ago when never.
  Instant heard_at() const { return heard_; }

  void heard(Instant now);
  // The connection broke, or could not be made: do not wait for the silence to be long.
  void broken() { broken_ = true; }
  // Watches anew: what was not heard before says nothing.
  void begin(Instant now);
  // The observer did not run for so long: what it did not hear then says nothing, but what it saw before stays.
  void late(Instant now, Duration by, const WatchTimes& times);
  // Others have heard it say otherwise: only the way from here to there is bad.
  void refuted(Instant now, const WatchTimes& times);

  Action tick(Instant now, const WatchTimes& times);
  // So many others were asked; none when there is nobody to ask.
  void asked(std::size_t helpers, Instant now);
  // One of them has answered; one that could not be reached says nothing.
  void answered(bool reached, Instant now, const WatchTimes& times);

  // When others were asked last.
  Instant asked_at() const { return asked_at_; }
  // There was somebody to ask. Nobody of them has answered.
  bool had_helpers() const { return helpers_ > 0; }
  bool unanswered() const { return helpers_ > 0 && answers_ == 0; }

  // Raised by every suspicion that was not true; such a member is given more time, which wears off.
  int flaps() const { return flaps_; }

 private:
  static constexpr int kFlapsMax = 3;
  static constexpr int kAlonePatience = 4;
  static constexpr int kExcusedPeriods = 4;
  static constexpr Duration kFlapFades = seconds(60);

  Duration silence(Instant now) const { return now - std::max(heard_, since_); }
  void become(State state, Instant now);
  void flapped(Instant now);

  State state_ = State::well;
  Instant since_;  // what was not heard before says nothing
  Instant heard_{};
  Instant entered_{};        // the state
  Instant excused_until_{};  // others reach it
  Instant not_before_{};     // what came while the observer was late must be heard first
  Instant asked_at_{};
  Instant flapped_{};
  Accrual accrual_;
  bool broken_ = false;
  int flaps_ = 0;
  std::size_t helpers_ = 0, answers_ = 0;
};

}  // namespace vortex::dht
