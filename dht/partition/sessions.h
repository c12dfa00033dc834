// Which operations of which session were executed: so that one that is asked for again is executed once.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <vector>

#include "dht/partition/command.h"

namespace vortex::dht {

// Part of the replicated state: the same calls in the same order leave the same table.
class Sessions {
 public:
  enum class Seen : std::uint8_t {
    fresh,      // not executed
    done,       // executed, with this version
    ended,      // without effect, or acknowledged: never to be executed
    beyond,     // too far ahead of what was acknowledged
    forgotten,  // of a session that is not here
  };
  struct Look {
    Seen seen = Seen::forgotten;
    Version version = 0;
  };

  // The sessions that had to go for it, closed.
  std::vector<std::uint64_t> open(std::uint64_t session);
  bool close(std::uint64_t session);
  bool known(std::uint64_t session) const { return sessions_.contains(session); }
  // All operations below it are acknowledged; 0 for a session that is not here.
  std::uint64_t acknowledged(std::uint64_t session) const;
  // Notes what was acknowledged, and that the session was used.
  Look look(OperationId operation, std::uint64_t acknowledged);
  // What became of an operation that was fresh: its version, or 0 when it had no effect.
  void remember(OperationId operation, Version version);

  std::size_t size() const { return sessions_.size(); }
  std::size_t footprint() const { return sessions_.size() * kSessionBytes + outcomes_ * sizeof(Version); }
  void encode(Encoder& out) const;
  // False when it makes no sense.
  bool decode(Decoder& in);

 private:
  static constexpr Version kFresh = ~Version(0);
  struct Session {
    std::uint64_t base = 0;        // of all below it nothing is known but that nobody waits for them
    std::deque<Version> outcomes;  // from base on
    std::list<std::uint64_t>::iterator place;
  };
  // The map's node, the list's, and the blocks of an empty deque.
  static constexpr std::size_t kSessionBytes = sizeof(Session) + 700;
  std::map<std::uint64_t, Session> sessions_;
  std::list<std::uint64_t> by_use_;  // used last: last
  std::size_t outcomes_ = 0;         // of all sessions
};

}  // namespace vortex::dht
