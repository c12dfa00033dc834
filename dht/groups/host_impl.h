// The inside of the host. host.cc runs the groups, host_open.cc starts them, host_members.cc changes who belongs to
// them, checkpoints.cc and snapshots.cc move their states.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/task_group.h"
#include "dht/groups/group.h"
#include "dht/groups/host.h"
#include "net/messages/raft.h"

namespace vortex::dht::groups {

// A replica whose part of the disk cannot be believed. What is left of it stays until the group invites this node
// anew, for whoever has to rebuild the group from remains.
struct DamagedReplica {
  raft::Replica self;
  std::uint32_t group_epoch = 0;
  std::string why;
};

// A snapshot on its way out: pieces are made when they are asked for.
struct Outgoing {
  std::uint64_t name = 0;
  GroupId group = 0;
  raft::Replica to;
  raft::Term term = 0;  // in which we lead
  Index index = 0;
  std::shared_ptr<Instance> instance;
  std::unique_ptr<FrozenState> state;  // gone before the instance
  std::uint64_t pieces = 0;            // made so far
  Buffer last;                         // the latest, which may be asked for again
  bool making = false;                 // somebody is busy with it
  bool ended = false;
  Instant touched;
  net::OfferSnapshotRequest offer;
  ~Outgoing() { state.reset(); }
};

class Host::Impl final : public Shared {
 public:
  Impl(Env& env, HostOptions options, StateMachines& machines, const raft::Heartbeats& heartbeats, net::Peers& peers,
       AddressOf address_of);
  ~Impl() override;

  // host_open.cc
  Task<Status> open();
  Task<Status> create(std::vector<GroupId> ids);

  // host.cc
  void serve(net::Dispatcher& dispatcher);
  void start(GroupListener* to);
  Task<void> hand_over(Duration patience);
  Task<void> stop();
  std::shared_ptr<Group> find(GroupId id) const;
  Task<Result<ByteVector>> propose(GroupId id, ByteVector command, Instant deadline);
  Task<Status> read_barrier(GroupId id, Instant deadline);
  bool may_read_now(GroupId id);
  std::vector<GroupTerm> moved_on_from(const NodeId& leader);
  void hear_moved_on(const NodeId& from, const std::vector<GroupTerm>& heard);
  void look_again(const NodeId& node);
  std::optional<std::size_t> leads_of(const NodeId& node) const;

  // host_members.cc
  Task<Status> add_learner(GroupId id, NodeId node, Instant deadline);
  Task<Status> change(GroupId id, raft::Configuration target, Instant deadline);
  Task<Status> transfer(GroupId id, NodeId to, Instant deadline);
  void ask_for_dismissal(GroupId id, const NodeId& node);

  std::map<GroupId, std::shared_ptr<Group>> groups;
  std::map<GroupId, DamagedReplica> damaged;

  // Shared
  void schedule(Group& group) override;
  void want_checkpoint(Group& group) override;
  void want_snapshot(Group& group, const raft::Replica& to) override;
  void post(raft::Message message) override { mail_.post(std::move(message)); }
  void dismiss(Group& group, const raft::Replica& replica) override;

 private:
  // host.cc
  Task<void> run();
  void work_on(Group& group, Instant now);
  void set_timer(Group& group);
  void arm();
  void ring();
  Task<void> keep_house();
  void count();
  Result<net::CarryRaftResponse> carry(net::Context& context, const net::CarryRaftRequest& request);
  void answered(const NodeId& node, const net::CarryRaftResponse& response);
  void unknown_there(const NodeId& node, GroupId id, std::uint64_t generation);

  // host_open.cc
  Task<Status> load(GroupId id, Image image);
  Task<Result<std::shared_ptr<Instance>>> load_instance(GroupId id, const Base& base);
  Task<Result<std::shared_ptr<Instance>>> new_instance(GroupId id);
  Task<Status> remove_strangers();
  std::string directory_of(GroupId id, std::uint64_t instance) const;
  static std::optional<GroupId> group_of_directory(std::string_view name);
  void add(GroupId id, Image image, std::shared_ptr<Instance> instance, Instant votes_from);

  // host_members.cc
  Task<Result<net::InviteReplicaResponse>> invited(net::InviteReplicaRequest request);
  Task<Status> make_room_for(const net::InviteReplicaRequest& request, const raft::Configuration& configuration);
  Task<Result<net::DismissReplicaResponse>> dismissed(net::DismissReplicaRequest request);
  Task<void> send_dismissal(NodeId node, net::DismissReplicaRequest request);
  Task<Status> leave(GroupId id);
  Task<Status> leave_damaged(GroupId id);
  Task<Status> remove_directories_of(GroupId id);
  bool hear_question(const raft::Message& message);
  // Proposes the change and waits until it is decided and settled.
  Task<Status> decide_change(GroupId id, raft::Configuration target, Instant deadline);

  // checkpoints.cc
  Task<void> checkpoint(std::shared_ptr<Group> group);
  Task<Status> save(std::shared_ptr<Group> group, Base base, bool file_needed);
  // Writes the base record behind everything else; where it lies.
  Task<Result<wal::Lsn>> put_base(std::shared_ptr<Group> group, Base base);
  Task<void> after_base(std::shared_ptr<Group> group, Base before);
  Task<void> retire(std::shared_ptr<Instance> instance);
  Task<void> remove_directory(std::string directory);
  void relieve_log();
  Task<void> give_up_log(GroupId id);

  // snapshots.cc
  Task<void> offer(std::shared_ptr<Outgoing> out);
  Task<Result<bool>> ask_whether_wanted(std::shared_ptr<Outgoing> out);
  Task<void> offer_again(std::shared_ptr<Outgoing> out);
  void drop(const std::shared_ptr<Outgoing>& out, bool failed);
  void see_outgoing(Instant now);
  Result<net::OfferSnapshotResponse> offered(net::Context& context, net::OfferSnapshotRequest& request);
  Task<Result<net::Reply<net::FetchSnapshotPiece>>> fetch(net::FetchSnapshotPieceRequest request);
  Task<void> install(std::shared_ptr<Group> group, NodeId from, net::OfferSnapshotRequest offer);
  Task<Status> receive(std::shared_ptr<Group> group, NodeId from, const net::OfferSnapshotRequest& offer,
                       StateMachine& machine);
  Task<Status> install_received(std::shared_ptr<Group> group, const NodeId& from,
                                const net::OfferSnapshotRequest& offer, std::shared_ptr<Instance> instance);

  net::Peers& peers_;
  Mail mail_;
  std::uint64_t next_instance_ = 1;
  bool started_ = false;
  std::vector<std::weak_ptr<Group>> dirty_;
  Parking wake_;
  std::set<std::pair<Instant, GroupId>> timers_;
  TimerId alarm_ = kNoTimer;
  Instant alarm_at_{};
  std::vector<std::weak_ptr<Group>> to_checkpoint_;
  std::size_t checkpoints_running_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Outgoing>> outgoing_;  // by name
  std::size_t installing_ = 0;
  std::uint32_t leads_ = 0;                                          // groups that this node leads
  std::map<NodeId, std::pair<Instant, std::uint32_t>> leads_there_;  // of the nodes we share groups with
  std::set<std::pair<GroupId, raft::Replica>> dismissing_;
  std::set<GroupId> giving_up_;  // damaged replicas whose part of the log is being cut or dropped
  std::set<GroupId> inviting_;
  std::vector<std::shared_ptr<Instance>> retiring_;
  TaskGroup tasks_;
};

}  // namespace vortex::dht::groups
