// What a leader knows of one other replica's log.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"
#include "dht/raft/types.h"

namespace vortex::dht::raft {

struct Progress {
  enum class Mode : std::uint8_t {
    probe,     // where its log ends is not known: one append at a time
    pipeline,  // it follows: appends go out without waiting, within a window
    snapshot,  // what it needs is compacted away: it waits for a snapshot
  };

  Mode mode = Mode::probe;
  Index match = 0;               // durable there, and the same as ours
  Index next = 1;                // the first entry not sent yet; > match
  std::deque<Index> in_flight;   // the last entry of each append that is not answered yet
  Index commit_sent = 0;         // the commit index it was last told
  Index snapshot_index = 0;      // in snapshot mode: what it will have afterwards
  std::uint64_t boot_epoch = 0;  // in which it last acknowledged an append of this term; 0: never
  // It refuses what it had acknowledged, and looks no further than this; so many times it was asked in vain.
  std::optional<Index> denied;
  unsigned denials = 0;
  // Since when an answer is overdue to come: the last answer, or the first tick that saw an append in flight.
  std::optional<Instant> waiting_since;

  // May another append go out?
  bool ready(std::size_t in_flight_max) const {
    if (mode == Mode::snapshot) return false;
    return in_flight.size() < (mode == Mode::probe ? 1 : in_flight_max);
  }
  void probe_from(Index index) {
    mode = Mode::probe;
    next = index;
    in_flight.clear();
  }
};

}  // namespace vortex::dht::raft
