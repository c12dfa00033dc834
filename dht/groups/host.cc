#include "dht/groups/host.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "base/yield.h"
#include "dht/groups/host_impl.h"
#include "net/channel.h"

namespace vortex::dht::groups {

namespace {
// What a batch holds beside one command: headers, and a hard state.
constexpr std::size_t kBatchSpare = 4 * kKiB;
constexpr Duration kHousePeriod = milliseconds(500);
// While somebody waits for room in the log.
constexpr Duration kReliefPeriod = milliseconds(50);
// So long what a node said about the groups it leads is believed.
constexpr Duration kLeadsFresh = seconds(10);
constexpr Duration kHandOverStep = milliseconds(20);

Instant rounded_up(Instant at, Duration step) {
  auto ticks = (at.time_since_epoch().count() + step.count() - 1) / step.count();
  return Instant(ticks * step);
}
}  // namespace

GroupMetrics::GroupMetrics(Metrics& m)
    : proposed(m.counter("raft_proposals_total", "commands proposed to groups led here")),
      refused(m.counter("raft_proposals_refused_total", "commands refused: not leading, or too many")),
      applied(m.counter("raft_applied_total", "commands applied to machines here")),
      unknown(m.counter("raft_outcomes_unknown_total", "commands of which it could not be said whether they happened")),
      elections(m.counter("raft_campaigns_total", "elections begun here")),
      led(m.counter("raft_leaderships_won_total", "leaderships that began here")),
      lost(m.counter("raft_leaderships_lost_total", "leaderships that ended here")),
      lease_reads(m.counter("raft_reads_by_lease_total", "reads answered by a lease")),
      quorum_reads(m.counter("raft_reads_by_quorum_total", "reads that waited for a majority")),
      checkpoints(m.counter("raft_checkpoints_total", "checkpoints written")),
      checkpoint_bytes(m.counter("raft_checkpoint_bytes_total", "bytes of checkpoints written")),
      snapshots_out(m.counter("raft_snapshots_sent_total", "snapshots that other replicas fetched whole")),
      snapshots_in(m.counter("raft_snapshots_installed_total", "snapshots installed here")),
      snapshot_bytes(m.counter("raft_snapshot_bytes_total", "bytes of snapshots sent")),
      snapshot_failures(m.counter("raft_snapshot_failures_total", "snapshots given up, sent or received")),
      received(m.counter("raft_messages_received_total", "messages of groups from other nodes")),
      strangers(m.counter("raft_messages_unknown_total", "messages for replicas that are not here")),
      commit_time(m.histogram("raft_commit_seconds", "from the proposal of a command to its answer")),
      groups(m.gauge("raft_groups", "replicas on this node")),
      leading(m.gauge("raft_groups_leading", "groups that this node leads")),
      leaderless(m.gauge("raft_groups_leaderless", "groups whose leader is not known here")),
      damaged(m.gauge("raft_groups_damaged", "replicas whose part of the disk cannot be believed")),
      without_room(m.gauge("raft_groups_without_room", "replicas whose writes a full disk or log has refused")),
      lag(m.gauge("raft_lag_entries", "how far the last member of any group led here is behind, in entries")),
      log_bytes(m.gauge("raft_log_bytes", "log entries in memory")),
      state_bytes(m.gauge("raft_state_bytes", "what the machines hold in memory")) {}

Host::Impl::Impl(Env& e, HostOptions o, StateMachines& m, const raft::Heartbeats& h, net::Peers& peers,
                 AddressOf address_of)
    : Shared(e, std::move(o), m, h),
      peers_(peers),
      mail_(e, peers, std::move(address_of),
            [this](const NodeId& node, const net::CarryRaftResponse& response) { answered(node, response); }),
      wake_(e.loop()),
      tasks_(e.loop()) {}

Host::Impl::~Impl() = default;

std::shared_ptr<Group> Host::Impl::find(GroupId id) const {
  auto at = groups.find(id);
  return at == groups.end() ? nullptr : at->second;
}

void Host::Impl::schedule(Group& group) {
  if (!started_ || std::exchange(group.scheduled, true)) return;
  dirty_.push_back(group.weak_from_this());
  wake_.wake();
}

void Host::Impl::start(GroupListener* to) {
  CHECK(!started_);
  started_ = true;
  listener = to;
  tasks_.spawn(run());
  tasks_.spawn(keep_house());
  for (auto& [id, group] : groups) schedule(*group);
}

Task<void> Host::Impl::run() {
  while (!tasks_.cancelled()) {
    if (dirty_.empty()) {
      bool woken = co_await wake_.park();
      if (!woken) break;
    }
    Instant now = env.now();
    for (const auto& weak : std::exchange(dirty_, {}))
      if (auto group = weak.lock()) work_on(*group, now);
    mail_.flush();
    arm();
    co_await yield(env.loop());
  }
}

void Host::Impl::work_on(Group& group, Instant now) {
  group.scheduled = false;
  if (group.gone) return;
  group.work(now);
  set_timer(group);
}

void Host::Impl::set_timer(Group& group) {
  Instant at = group.due();
  at = rounded_up(at, at > env.now() + kFarTimer ? kFarTimerStep : kTimerStep);
  if (group.timer == at) return;
  if (group.timer) timers_.erase(std::make_pair(*group.timer, group.id()));
  group.timer = at;
  timers_.emplace(at, group.id());
}

void Host::Impl::arm() {
  if (timers_.empty()) return;
  Instant at = timers_.begin()->first;
  if (alarm_ != kNoTimer) {
    if (alarm_at_ <= at) return;
    env.clock().cancel(alarm_);
  }
  alarm_at_ = at;
  alarm_ = env.clock().call_at(at, [this] { ring(); });
}

void Host::Impl::ring() {
  alarm_ = kNoTimer;
  Instant now = env.now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto group = find(timers_.begin()->second);
    timers_.erase(timers_.begin());
    if (!group) continue;
    group->timer.reset();
    schedule(*group);
  }
  arm();
}

Task<void> Host::Impl::keep_house() {
  while (true) {
    const Duration period = log->congested() ? kReliefPeriod : kHousePeriod;
    Status slept = co_await sleep_for(env, period);
    if (!slept.ok()) break;
    see_outgoing(env.now());
    relieve_log();
    count();
  }
}

void Host::Impl::count() {
  std::size_t leading = 0, leaderless = 0, without_room = 0, log_bytes = 0, state_bytes = 0;
  raft::Index lag = 0;
  for (const auto& [id, group] : groups) {
    leading += group->raft().is_leader();
    leaderless += !group->raft().leader().has_value();
    without_room += group->without_room();
    lag = std::max(lag, group->lag());
    log_bytes += group->raft().log().bytes();
    state_bytes += group->machine().memory_bytes();
  }
  log_tail_bytes =
      std::clamp(kLogTailsBytes / std::max<std::size_t>(groups.size(), 1), kLogTailBytesMin, kLogTailBytesMax);
  if (env.buggify("groups: hardly a tail of the log")) log_tail_bytes = 4 * kKiB;
  leads_ = static_cast<std::uint32_t>(leading);
  metrics.groups.set(groups.size());
  metrics.leading.set(leading);
  metrics.leaderless.set(leaderless);
  metrics.damaged.set(damaged.size());
  metrics.without_room.set(without_room);
  metrics.lag.set(lag);
  metrics.log_bytes.set(log_bytes);
  metrics.state_bytes.set(state_bytes);
}

Task<void> Host::Impl::hand_over(Duration patience) {
  Instant deadline = env.now() + patience;
  for (auto& [id, group] : groups) {
    if (!group->raft().is_leader()) continue;
    const raft::Configuration& configuration = group->raft().configuration();
    // The voter whose log has come furthest takes over soonest.
    std::optional<raft::Replica> best;
    for (const raft::Replica& voter : configuration.voters) {
      if (voter == group->base().self) continue;
      if (!best || group->raft().match_of(voter) > group->raft().match_of(*best)) best = voter;
    }
    if (best) (void)group->raft().transfer_to(*best, env.now()).ok();
    schedule(*group);
  }
  while (env.now() < deadline) {
    bool led = std::any_of(groups.begin(), groups.end(), [](const auto& entry) {
      return entry.second->raft().is_leader() && entry.second->raft().configuration().voters.size() > 1;
    });
    if (!led) break;
    Status slept = co_await sleep_for(env, kHandOverStep);
    if (!slept.ok()) co_return;
  }
  for (auto& [id, group] : groups) {
    group->raft().step_down(env.now());
    schedule(*group);
  }
  (void)(co_await sleep_for(env, kHandOverStep)).ok();
}

Task<void> Host::Impl::stop() {
  if (alarm_ != kNoTimer) env.clock().cancel(std::exchange(alarm_, kNoTimer));
  for (auto& [id, group] : groups) group->fail_waiters(Error(Code::cancelled));
  started_ = false;
  co_await mail_.stop();
  co_await tasks_.stop();
  outgoing_.clear();
  if (log) co_await log->stop();
  for (auto& [id, group] : groups) co_await group->machine().stop();
  for (const auto& instance : retiring_) co_await instance->machine->stop();
  retiring_.clear();
  groups.clear();
}

Task<Result<ByteVector>> Host::Impl::propose(GroupId id, ByteVector command, Instant deadline) {
  if (command.size() > std::min(kCommandMax, options.wal.batch_bytes_max() - kBatchSpare)) co_return Code::too_large;
  auto group = find(id);
  if (!group) co_return Error(Code::not_found, "no replica of the group is here");
  Group::Proposal proposal(env.loop());
  proposal.begun = env.now();
  proposal.deadline = deadline;
  if (proposal.begun >= deadline) co_return Code::timed_out;
  CO_ASSIGN_OR_RETURN(Index index, group->propose(std::move(command), proposal));
  if (!proposal.result) {
    bool woken = co_await proposal.parking.park();
    if (!woken && !proposal.result) {
      group->withdraw(index, proposal);
      co_return Code::cancelled;
    }
  }
  co_return std::move(*proposal.result);
}

bool Host::Impl::may_read_now(GroupId id) {
  auto at = groups.find(id);
  if (at == groups.end() || !at->second->may_read_now(env.now())) return false;
  metrics.lease_reads.add();
  return true;
}

Task<Status> Host::Impl::read_barrier(GroupId id, Instant deadline) {
  if (may_read_now(id)) co_return Status();
  auto group = find(id);
  if (!group) co_return Error(Code::not_found, "no replica of the group is here");
  if (!group->raft().is_leader()) co_return Code::not_leader;
  Group::Reader reader(env.loop());
  reader.since = env.now();
  reader.deadline = deadline;
  group->await_read(reader);
  schedule(*group);
  metrics.quorum_reads.add();
  bool woken = co_await reader.parking.park();
  if (!woken && !reader.result) {
    group->withdraw(reader);
    co_return Code::cancelled;
  }
  co_return std::move(*reader.result);
}

Result<net::CarryRaftResponse> Host::Impl::carry(net::Context& context, const net::CarryRaftRequest& request) {
  net::CarryRaftResponse response;
  if (!started_) return Code::unreachable;
  Instant now = env.now();
  const NodeId from = context.peer->id;
  auto deliver = [&](const raft::Message& message) {
    if (message.from.node != from || message.to.node != options.self) return;
    metrics.received.add();
    if (hear_question(message)) return;
    auto group = find(message.group);
    if (!group || group->base().self != message.to) {
      metrics.strangers.add();
      net::ReplicaName name;
      name.group = message.group;
      name.generation = message.to.generation;
      if (std::find_if(response.unknown.begin(), response.unknown.end(), [&name](const net::ReplicaName& known) {
            return known.group == name.group && known.generation == name.generation;
          }) == response.unknown.end())
        response.unknown.push_back(name);
      return;
    }
    group->step(message, now);
    schedule(*group);
  };
  RETURN_IF_ERROR(unpack_mail(context.payload, request.messages, deliver));
  response.leads = leads_;
  return response;
}

void Host::Impl::answered(const NodeId& node, const net::CarryRaftResponse& response) {
  for (const net::ReplicaName& name : response.unknown) unknown_there(node, name.group, name.generation);
  leads_there_[node] = std::make_pair(env.now(), response.leads);
}

std::optional<std::size_t> Host::Impl::leads_of(const NodeId& node) const {
  auto known = leads_there_.find(node);
  if (known == leads_there_.end() || env.now() > known->second.first + kLeadsFresh) return std::nullopt;
  return known->second.second;
}

void Host::Impl::unknown_there(const NodeId& node, GroupId id, std::uint64_t generation) {
  auto group = find(id);
  if (!group) return;
  raft::Replica replica;
  replica.node = node;
  replica.generation = generation;
  if (!group->raft().is_leader()) {
    // Who is not there leads no more, and never will again.
    raft::Message word;
    word.group = id;
    word.group_epoch = group->base().group_epoch;
    word.from = replica;
    word.to = group->base().self;
    word.boot_epoch = std::numeric_limits<std::uint64_t>::max();
    word.kind = raft::MessageKind::stepped_down;
    word.term = group->raft().term();
    group->step(word, env.now());
    schedule(*group);
    return;
  }
  if (!group->raft().configuration().contains(replica)) return;
  auto& lost = group->lost_members;
  if (std::find(lost.begin(), lost.end(), replica) == lost.end()) lost.push_back(replica);
}

std::vector<GroupTerm> Host::Impl::moved_on_from(const NodeId& leader) {
  std::vector<GroupTerm> moved;
  for (const auto& [id, group] : groups) {
    auto term = group->raft().moved_on_from(leader);
    if (!term) continue;
    GroupTerm& one = moved.emplace_back();
    one.group = id;
    one.group_epoch = group->base().group_epoch;
    one.term = *term;
  }
  return moved;
}

void Host::Impl::hear_moved_on(const NodeId& from, const std::vector<GroupTerm>& heard) {
  for (const GroupTerm& one : heard) {
    auto group = find(one.group);
    if (!group || group->base().group_epoch != one.group_epoch) continue;
    group->raft().hear_moved_on(from, one.term, env.now());
    schedule(*group);
  }
}

void Host::Impl::look_again(const NodeId& node) {
  for (auto& [id, group] : groups) {
    auto leader = group->raft().leader();
    if (!leader || leader->node != node) continue;
    group->raft().doubt_leader(node);
    group->look_again(env.now());
    schedule(*group);
  }
}

void Host::Impl::serve(net::Dispatcher& dispatcher) {
  dispatcher.on<net::CarryRaft>(
      [this](net::Context& context, net::CarryRaftRequest& request) { return carry(context, request); });
  dispatcher.on<net::CarryRaftUrgent>(
      [this](net::Context& context, net::CarryRaftRequest& request) { return carry(context, request); });
  dispatcher.on<net::InviteReplica>(
      [this](net::Context, net::InviteReplicaRequest request) { return invited(std::move(request)); });
  dispatcher.on<net::DismissReplica>(
      [this](net::Context, net::DismissReplicaRequest request) { return dismissed(std::move(request)); });
  dispatcher.on<net::OfferSnapshot>(
      [this](net::Context& context, net::OfferSnapshotRequest& request) { return offered(context, request); });
  dispatcher.on<net::FetchSnapshotPiece>(
      [this](net::Context, net::FetchSnapshotPieceRequest request) { return fetch(std::move(request)); });
}

Host::Host(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Host::~Host() = default;

Task<Result<std::unique_ptr<Host>>> Host::open(Env& env, HostOptions options, StateMachines& machines,
                                               const raft::Heartbeats& heartbeats, net::Dispatcher& dispatcher,
                                               net::Peers& peers, AddressOf address_of) {
  auto impl = std::make_unique<Impl>(env, std::move(options), machines, heartbeats, peers, std::move(address_of));
  Status opened = co_await impl->open();
  if (!opened.ok()) {
    co_await impl->stop();
    co_return std::move(opened).error();
  }
  impl->serve(dispatcher);
  co_return std::unique_ptr<Host>(new Host(std::move(impl)));
}

void Host::start(GroupListener* listener) { impl_->start(listener); }
Task<void> Host::hand_over(Duration patience) { return impl_->hand_over(patience); }
Task<void> Host::stop() { return impl_->stop(); }
Task<Status> Host::create(std::vector<GroupId> groups) { return impl_->create(std::move(groups)); }

std::vector<GroupId> Host::groups() const {
  std::vector<GroupId> ids;
  for (const auto& [id, group] : impl_->groups) ids.push_back(id);
  for (const auto& [id, replica] : impl_->damaged) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::optional<GroupView> Host::view(GroupId id) const {
  if (auto group = impl_->find(id)) return group->view();
  auto broken = impl_->damaged.find(id);
  if (broken == impl_->damaged.end()) return std::nullopt;
  GroupView view;
  view.group = id;
  view.group_epoch = broken->second.group_epoch;
  view.self = broken->second.self;
  view.damaged = true;
  return view;
}

StateMachine* Host::machine(GroupId id) {
  auto at = impl_->groups.find(id);
  return at == impl_->groups.end() ? nullptr : &at->second->machine();
}

Task<Result<ByteVector>> Host::propose(GroupId group, ByteVector command, Instant deadline) {
  return impl_->propose(group, std::move(command), deadline);
}
Task<Status> Host::read_barrier(GroupId group, Instant deadline) { return impl_->read_barrier(group, deadline); }
bool Host::may_read_now(GroupId group) const { return impl_->may_read_now(group); }
Task<Status> Host::add_learner(GroupId group, NodeId node, Instant deadline) {
  return impl_->add_learner(group, node, deadline);
}
Task<Status> Host::change(GroupId group, raft::Configuration target, Instant deadline) {
  return impl_->change(group, std::move(target), deadline);
}
Task<Status> Host::transfer(GroupId group, NodeId to, Instant deadline) { return impl_->transfer(group, to, deadline); }

void Host::ask_for_dismissal(GroupId group, const NodeId& node) { impl_->ask_for_dismissal(group, node); }

std::optional<std::uint64_t> Host::lag_of(GroupId id, const raft::Replica& replica) const {
  auto group = impl_->find(id);
  if (!group || !group->raft().is_leader()) return std::nullopt;
  auto match = group->raft().match_of(replica);
  if (!match) return std::nullopt;
  return group->raft().log().last_index() - std::min(*match, group->raft().log().last_index());
}

std::optional<std::size_t> Host::leads_of(const NodeId& node) const { return impl_->leads_of(node); }

std::vector<raft::Replica> Host::lost_members(GroupId id) const {
  auto group = impl_->find(id);
  return group ? group->lost_members : std::vector<raft::Replica>();
}

std::vector<GroupTerm> Host::moved_on_from(const NodeId& leader) { return impl_->moved_on_from(leader); }
void Host::hear_moved_on(const NodeId& from, const std::vector<GroupTerm>& heard) { impl_->hear_moved_on(from, heard); }
void Host::look_again(const NodeId& node) { impl_->look_again(node); }

}  // namespace vortex::dht::groups
