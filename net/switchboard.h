// What all channels of one node share: its handlers, its limits, its counters.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "net/limits.h"

namespace vortex::net {

class Dispatcher;
struct PeerInfo;

// Requests that came in and were not answered yet, and answers not yet taken, over all connections of the node.
class Load {
 public:
  bool fits(std::size_t bytes) const {
    return requests_ < kNodeRequestsMax && bytes <= kNodeBytesMax - bytes_ && answer_bytes_ <= kNodeBytesMax;
  }
  bool answer_fits(std::size_t bytes) const { return answer_bytes_ + bytes <= kNodeBytesMax + kPayloadMax; }
  void add(std::size_t bytes) {
    ++requests_;
    bytes_ += bytes;
  }
  void remove(std::size_t bytes) {
    CHECK(requests_ > 0 && bytes_ >= bytes);
    --requests_;
    bytes_ -= bytes;
  }
  void add_answer(std::size_t bytes) { answer_bytes_ += bytes; }
  void remove_answer(std::size_t bytes) {
    CHECK(answer_bytes_ >= bytes);
    answer_bytes_ -= bytes;
  }
  std::size_t requests() const { return requests_; }
  std::size_t answer_bytes() const { return answer_bytes_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t requests_ = 0;
  std::size_t bytes_ = 0;
  std::size_t answer_bytes_ = 0;  // queued and not yet written
};

struct NetMetrics {
  explicit NetMetrics(Metrics& metrics);
  Counter &bytes_in, &bytes_out, &reads, &writes, &frames_in;
  Counter &calls, &calls_timed_out, &calls_cancelled, &calls_cut_off;
  Counter &requests, &refused_busy, &refused_permission, &requests_expired, &requests_cancelled;
  Counter &malformed, &stale_answers, &reading_stopped;
  Counter &accepted, &accept_failed, &handshakes_failed, &handshakes_evicted;
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
  Load load;
  NetMetrics metrics;

 private:
  std::vector<std::function<void(const PeerInfo&)>> proven_;
};

}  // namespace vortex::net
