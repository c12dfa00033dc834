// What all groups of a node share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/env.h"
#include "base/metrics.h"
#include "dht/groups/host.h"
#include "dht/groups/mail.h"
#include "wal/log.h"

namespace vortex::dht::groups {

class Group;

struct GroupMetrics {
  explicit GroupMetrics(Metrics& metrics);
  Counter& proposed;
  Counter& refused;
  Counter& applied;
  Counter& unknown;
  Counter& elections;
  Counter& led;
  Counter& lost;
  Counter& lease_reads;
  Counter& quorum_reads;
  Counter& checkpoints;
  Counter& checkpoint_bytes;
  Counter& snapshots_out;
  Counter& snapshots_in;
  Counter& snapshot_bytes;
  Counter& snapshot_failures;
  Counter& received;
  Counter& strangers;
  Histogram& commit_time;
  Gauge& groups;
  Gauge& leading;
  Gauge& leaderless;
  Gauge& damaged;
  Gauge& without_room;
  Gauge& lag;
  Gauge& log_bytes;
  Gauge& state_bytes;
};

// A machine and the directory that is its own. Whoever uses the machine across a wait holds the instance.
struct Instance {
  std::uint64_t number = 0;
  std::string directory;
  std::unique_ptr<StateMachine> machine;
};

class Shared {
 public:
  Shared(Env& e, const HostOptions& o, StateMachines& m, const raft::Heartbeats& h)
      : env(e), options(o), machines(m), heartbeats(h), metrics(e.metrics()) {}
  virtual ~Shared() = default;

  // Its work() is called soon.
  virtual void schedule(Group& group) = 0;
  virtual void want_checkpoint(Group& group) = 0;
  virtual void want_snapshot(Group& group, const raft::Replica& to) = 0;
  virtual void post(raft::Message message) = 0;
  // Says to a replica that the group has decided to be without it.
  virtual void dismiss(Group& group, const raft::Replica& replica) = 0;

  Env& env;
  const HostOptions options;
  StateMachines& machines;
  const raft::Heartbeats& heartbeats;
  GroupMetrics metrics;
  std::unique_ptr<wal::Log> log;
  GroupListener* listener = nullptr;
  // What a group may keep of entries that are applied.
  std::size_t log_tail_bytes = 64 * kKiB;
};

}  // namespace vortex::dht::groups
