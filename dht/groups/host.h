// All Raft groups of one node: their logs in one write-ahead log, their messages in few frames, their timers in one
// queue. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "dht/groups/state_machine.h"
#include "dht/heartbeat/passengers.h"
#include "dht/raft/raft.h"
#include "net/dispatcher.h"
#include "net/peers.h"
#include "wal/options.h"

namespace vortex::dht::groups {

struct HostOptions {
  NodeId self;
  std::uint64_t boot_epoch = 1;  // raised at every start, never below 1
  std::string directory;         // holds wal/ and ck/; the caller has locked it
  Duration election_timeout = seconds(1);
  Duration lease = milliseconds(900);  // what the heartbeats promise; below election_timeout
  // A group is checkpointed when its log has grown by so much, and by as much as its state.
  std::size_t checkpoint_bytes = 8 * kMiB;
  wal::Options wal;

  HostOptions() {}
};

// Told on the loop thread, outside of any call into the host.
class GroupListener {
 public:
  virtual ~GroupListener() = default;
  // This replica leads from now on, or not any more. When it leads, everything decided before its term is applied.
  virtual void leadership(GroupId group, bool leads, raft::Term term) = 0;
  // The group's members, or its leader as far as it is known here, have changed.
  virtual void changed(GroupId group) = 0;
  // This node belongs to the group no longer; its machine is gone.
  virtual void left(GroupId group) = 0;
};

// What is known here of one group.
struct GroupView {
  GroupId group = 0;
  std::uint32_t group_epoch = 0;
  raft::Replica self;
  raft::Role role = raft::Role::follower;
  bool damaged = false;  // what was on disk cannot be believed: it takes no part, and waits to be invited anew
  raft::Term term = 0;
  std::optional<NodeId> leader;
  raft::Configuration configuration;  // the latest, decided or not
  raft::Configuration decided;        // the latest that is, perhaps a joint one
  Index commit = 0;
  Index applied = 0;
  std::size_t log_bytes = 0;
  std::size_t state_bytes = 0;
};

class Host final : public Passengers {
 public:
  // Where a node is, if that is known.
  using AddressOf = std::function<std::optional<Address>(const NodeId&)>;

  // Reads what is on disk: checkpoints, then the log. Replicas whose part of it is damaged or missing are there, but
  // `damaged`. Registers its messages with the dispatcher, which is not in use yet. All references outlive it.
  static Task<Result<std::unique_ptr<Host>>> open(Env& env, HostOptions options, StateMachines& machines,
                                                  const raft::Heartbeats& heartbeats, net::Dispatcher& dispatcher,
                                                  net::Peers& peers, AddressOf address_of);
  // After stop().
  ~Host() override;

  // Groups begin to act: elections, messages, time. The listener may be null and outlives the host.
  void start(GroupListener* listener);
  // Hands leaderships over, for at most so long.
  Task<void> hand_over(Duration patience);
  // Ends at once. Whoever waits gets `cancelled`.
  Task<void> stop();

  // Makes groups of which this node is the only voter; durable on return. Only the first node of a cluster does this.
  // `exists` when one of them is here.
  Task<Status> create(std::vector<GroupId> groups);

  std::vector<GroupId> groups() const;
  std::optional<GroupView> view(GroupId group) const;
  // Null when the node is no member, or damaged. Good until the next wait.
  StateMachine* machine(GroupId group);

  // The answer of apply(), once the command is decided and applied here.
  //   not_found        this node has no such group
  //   not_leader       nothing happened, and nothing will; view().leader says who might
  //   busy, no_space   nothing happened
  //   too_large        over kCommandMax
  //   outcome_unknown  the deadline passed, or leadership ended, before it was known
  Task<Result<ByteVector>> propose(GroupId group, ByteVector command, Instant deadline);

  // When it returns, the machine here shows everything that was decided before the call. By lease, at once and without
  // a coroutine's wait; else by asking a majority. not_found, not_leader, timed_out.
  Task<Status> read_barrier(GroupId group, Instant deadline);
  // The same for the quick case: true when the machine may be read right now.
  bool may_read_now(GroupId group) const;

  // Asks the node to make an empty replica of the group, as whatever generation it chooses; the group adds it as a
  // learner. Returns when the change is decided. not_leader, busy, unreachable, …
  Task<Status> add_learner(GroupId group, NodeId node, Instant deadline);
  // Changes the group. Every voter must be a member already. Returns when the change is decided and settled.
  Task<Status> change(GroupId group, raft::Configuration target, Instant deadline);
  // Hands leadership to this voter. Returns when another leads, or `failed`.
  Task<Status> transfer(GroupId group, NodeId to, Instant deadline);
  // Asks a node that may lead the group whether the group is without the replica here, damaged or not: then it goes.
  void ask_for_dismissal(GroupId group, const NodeId& node);
  // As leader: how far behind a member's log is, in entries; nothing for strangers or when it is not leading here.
  std::optional<std::uint64_t> lag_of(GroupId group, const raft::Replica& replica) const;
  // How many groups another node leads, as it said not long ago.
  std::optional<std::size_t> leads_of(const NodeId& node) const;
  // As leader: members that have said that they hold nothing of this replica (its log was lost or damaged).
  std::vector<raft::Replica> lost_members(GroupId group) const;

  // Passengers, for whoever runs the heartbeats.
  std::vector<GroupTerm> moved_on_from(const NodeId& leader) override;
  void hear_moved_on(const NodeId& from, const std::vector<GroupTerm>& groups) override;
  // The other side of a broken connection, or a new boot epoch: groups that it leads look at the heartbeats at once.
  void look_again(const NodeId& node);

 private:
  class Impl;
  explicit Host(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vortex::dht::groups
