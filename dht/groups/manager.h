// Keeps the members of the groups that this node leads where they belong. It looks at no other group and needs no view
// of the whole: who is near a group, and how these nodes are, is all it asks.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "base/token_bucket.h"
#include "dht/groups/host.h"
#include "dht/groups/plan.h"

namespace vortex::dht::groups {

class Neighbourhood {
 public:
  virtual ~Neighbourhood() = default;
  // The nodes nearest to the group, nearest first, at most `count`, of those that are well or away.
  virtual std::vector<NodeId> closest(GroupId group, std::size_t count) const = 0;
  virtual NodeState state(const NodeId& node) const = 0;
};

struct ManagerOptions {
  std::size_t replicas = 3;
  Duration period = milliseconds(300);
  std::size_t changes_at_once = 8;
  double changes_per_second = 50;
  // A learner this few entries behind may have a vote.
  std::uint64_t lag_max = 64;
  bool balance_leaders = true;

  ManagerOptions() {}
};

class Manager {
 public:
  Manager(Env& env, Host& host, const Neighbourhood& neighbourhood, ManagerOptions options);

  void start();
  Task<void> stop() { return tasks_.stop(); }
  // While paused nothing is begun.
  void pause(bool paused) { paused_ = paused; }

  // Groups led here that are not as they should be.
  std::size_t unsettled() const { return unsettled_; }
  // Groups led here with fewer voters than there should be: a third node is wanted for failover, say.
  std::size_t short_of_voters() const { return short_; }

 private:
  Task<void> run();
  void look_at(const GroupView& view);
  void see_orphan(const GroupView& view);
  Step next(const GroupView& view) const;
  void try_begin(GroupId group, Step step);
  Task<void> carry_out(GroupId group, Step step);
  Task<Status> begin(GroupId group, Step step);
  void balance();

  Env& env_;
  Host& host_;
  const Neighbourhood& neighbourhood_;
  const ManagerOptions options_;
  TokenBucket pace_;
  std::set<GroupId> busy_;
  std::map<GroupId, Instant> alone_since_;  // replicas without a leader: since when, or when they last asked
  std::size_t unsettled_ = 0, short_ = 0;
  bool paused_ = false;
  Instant next_balance_{};
  Counter& changes_;
  Counter& failures_;
  Counter& transfers_;
  Gauge& unsettled_gauge_;
  TaskGroup tasks_;
};

}  // namespace vortex::dht::groups
