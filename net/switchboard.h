// What all channels of one node share: its handlers, its limits, its counters.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "net/connection_limits.h"
#include "net/member_hosts.h"
#include "net/method.h"

namespace vortex::net {

class Dispatcher;
struct PeerInfo;

// Whose bytes and requests they are. Guests are all who are no members.
enum class Party : std::uint8_t { member, guest };
constexpr Party party_of(Role role) { return role == Role::member ? Party::member : Party::guest; }

// Requests that came in and were not answered yet, and answers not yet taken, over all connections of the node. Guests
// have a share that they cannot exceed, so that members are served whatever guests do.
class Load {
 public:
  bool fits(Party party, std::size_t bytes) const {
    if (party == Party::guest && !fits(guests_, kGuestRequestsMax, kGuestBytesMax, bytes)) return false;
    return fits(all_, kNodeRequestsMax, kNodeBytesMax, bytes);
  }
  // How large an answer may be.
  std::size_t answer_room(Party party) const {
    std::size_t room = left(kNodeBytesMax + kPayloadMax, all_.answer_bytes);
    if (party == Party::member) return room;
    return std::min(room, left(kGuestBytesMax + kPayloadMax, guests_.answer_bytes));
  }
  // Guests do not take their answers.
  bool guests_stalled() const { return guests_.answer_bytes > kGuestBytesMax; }

  void add(Party party, std::size_t bytes) {
    each(party, [bytes](Amount& amount) {
      ++amount.requests;
      amount.bytes += bytes;
    });
  }
  void remove(Party party, std::size_t bytes) {
    each(party, [bytes](Amount& amount) {
      CHECK(amount.requests > 0 && amount.bytes >= bytes);
      --amount.requests;
      amount.bytes -= bytes;
    });
  }
  void add_answer(Party party, std::size_t bytes) {
    each(party, [bytes](Amount& amount) { amount.answer_bytes += bytes; });
  }
  void remove_answer(Party party, std::size_t bytes) {
    each(party, [bytes](Amount& amount) {
      CHECK(amount.answer_bytes >= bytes);
      amount.answer_bytes -= bytes;
    });
  }
  std::size_t requests() const { return all_.requests; }
  std::size_t bytes() const { return all_.bytes; }
  std::size_t answer_bytes() const { return all_.answer_bytes; }

 private:
  struct Amount {
    std::size_t requests = 0;
    std::size_t bytes = 0;
    std::size_t answer_bytes = 0;  // queued and not yet written
  };
  static bool fits(const Amount& amount, std::size_t requests_max, std::size_t bytes_max, std::size_t bytes) {
    return amount.requests < requests_max && bytes <= bytes_max - amount.bytes && amount.answer_bytes <= bytes_max;
  }
  static std::size_t left(std::size_t limit, std::size_t used) { return limit - std::min(limit, used); }
  template <class Change>
  void each(Party party, Change change) {
    change(all_);
    if (party == Party::guest) change(guests_);
  }
  Amount all_, guests_;
};

struct NetMetrics {
  explicit NetMetrics(Metrics& metrics);
  Counter &bytes_in, &bytes_out, &reads, &writes, &frames_in;
  Counter &calls, &calls_timed_out, &calls_cancelled, &calls_cut_off;
  Counter &requests, &refused_busy, &refused_permission, &requests_expired, &requests_cancelled;
  Counter &malformed, &stale_answers, &reading_stopped;
  Counter &accepted, &accept_failed, &handshakes_failed, &handshakes_evicted, &handshakes_delayed;
  Counter &connects, &connects_failed;
  Gauge& channels;
};

// One a node or client. It must outlive its servers and pools.
class Switchboard {
 public:
  // Nothing may be added to the dispatcher any more.
  Switchboard(Env& env, const Dispatcher& dispatcher);
  Switchboard(const Switchboard&) = delete;
  Switchboard& operator=(const Switchboard&) = delete;

  // Tells of every peer whose connection begins, whichever side made it: what the handshake has proven. Added before
  // the first connection; what it uses outlives the last one. It must not end connections.
  void on_proven(std::function<void(const PeerInfo&)> observer) { proven_.push_back(std::move(observer)); }
  void tell_proven(const PeerInfo& peer) const {
    for (const auto& observer : proven_) observer(peer);
  }

  Env& env;
  const Dispatcher& dispatcher;
  ConnectionLimits limits;  // may be lowered before the first connection
  Load load;
  MemberHosts member_hosts;
  NetMetrics metrics;

 private:
  std::vector<std::function<void(const PeerInfo&)>> proven_;
};

}  // namespace vortex::net
