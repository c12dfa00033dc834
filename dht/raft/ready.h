// What a replica wants done.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dht/raft/types.h"

namespace vortex::dht::raft {

struct Ready {
  std::uint64_t ticket = 0;  // give it to durable() when all below is on disk
  // In this order onto the disk, as one batch: the hard state if it changed; the log's end cut off from
  // `truncate_from` if that is not 0; the entries [first, last] of log(), if first is not 0.
  std::optional<HardState> hard_state;
  Index truncate_from = 0;
  Index first = 0;
  Index last = 0;
  std::vector<Message> send_now;
  // Only when this ticket and all before it are durable.
  std::vector<Message> send_when_durable;
  // These replicas need a snapshot; call snapshot_sent() or snapshot_failed() in the end.
  std::vector<Replica> snapshots_wanted;

  bool must_be_durable() const { return hard_state || truncate_from != 0 || first != 0; }
  bool empty() const {
    return !must_be_durable() && send_now.empty() && send_when_durable.empty() && snapshots_wanted.empty();
  }
};

}  // namespace vortex::dht::raft
