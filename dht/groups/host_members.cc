// The host: who belongs to a group.
//
// A replica comes into being only when its node makes it, on invitation, under a generation drawn at random: so a node
// that lost its log cannot be taken for what it was, and nothing that was said to or by an earlier replica counts.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "dht/groups/host_impl.h"
#include "net/channel.h"

namespace vortex::dht::groups {

namespace {
constexpr Duration kLookAgain = milliseconds(20);
}  // namespace

Task<Result<net::InviteReplicaResponse>> Host::Impl::invited(net::InviteReplicaRequest request) {
  auto configuration = decode<raft::Configuration>(request.configuration);
  if (!configuration.ok() || !configuration->validate().ok())
    co_return Error(Code::invalid_argument, "a configuration that makes no sense");
  if (!started_ || !inviting_.insert(request.group).second)
    co_return Error(Code::busy, "another invitation is being answered").with_retry_after(net::kBusyRetryMs);
  Status room = co_await make_room_for(request, *configuration);
  net::InviteReplicaResponse response;
  if (auto group = find(request.group); room.ok() && group) {
    // It belongs to the group already.
    response.generation = group->base().self.generation;
  } else if (room.ok()) {
    auto instance = co_await new_instance(request.group);
    Base base;
    base.group_epoch = request.group_epoch;
    base.self.node = options.self;
    base.self.generation = std::max<std::uint64_t>(1, env.random().next());
    base.discard = true;
    Batch batch(request.group);
    if (instance.ok()) {
      base.instance = (*instance)->number;
      batch.add(base);
      auto written = co_await log->append(batch.records());
      room = written.ok() ? Status() : Status(written.error());
    } else {
      room = instance.error();
    }
    if (room.ok()) {
      response.generation = base.self.generation;
      Image image;
      image.base = std::move(base);
      damaged.erase(request.group);
      add(request.group, std::move(image), std::move(*instance), env.now());
    }
  }
  inviting_.erase(request.group);
  if (!room.ok()) co_return std::move(room).error();
  co_return response;
}

// What this node had of the group is given up only when the group has surely decided to be without it.
Task<Status> Host::Impl::make_room_for(const net::InviteReplicaRequest& request,
                                       const raft::Configuration& configuration) {
  if (auto broken = damaged.find(request.group); broken != damaged.end()) {
    if (configuration.contains(broken->second.self))
      co_return Error(Code::stale, "the group still counts on a lost replica");
    co_return co_await leave_damaged(request.group);
  }
  auto group = find(request.group);
  if (!group) co_return Status();
  if (configuration.contains(group->base().self)) co_return Status();
  const raft::Raft& raft = group->raft();
  bool empty = raft.configuration().voters.empty() && raft.log().last_index() == 0;
  if (!empty && request.index <= raft.configuration_index())
    co_return Error(Code::stale, "the replica here knows of later changes");
  group.reset();
  co_return co_await leave(request.group);
}

// What is left of a damaged replica, when the group is without it. Nobody is invited meanwhile.
Task<Status> Host::Impl::leave_damaged(GroupId id) {
  if (!giving_up_.insert(id).second) co_return Error(Code::busy, "its log is being cut");
  Status dropped = co_await log->drop_owner(owner_of(id));
  // Where it lost every record, the log knows of no such owner.
  if (dropped.ok() || dropped.is(Code::not_found)) dropped = co_await remove_directories_of(id);
  if (dropped.ok()) damaged.erase(id);
  giving_up_.erase(id);
  co_return dropped;
}

Task<Status> Host::Impl::remove_directories_of(GroupId id) {
  CO_ASSIGN_OR_RETURN(auto entries, co_await env.disk().list(options.directory + "/ck"));
  for (const DirectoryEntry& entry : entries)
    if (group_of_directory(entry.name) == id) co_await remove_directory(options.directory + "/ck/" + entry.name);
  co_return Status();
}

Task<Status> Host::Impl::leave(GroupId id) {
  auto group = find(id);
  if (!group) co_return Status();
  group->abandon();
  groups.erase(id);
  if (group->timer) timers_.erase(std::make_pair(*group->timer, id));
  std::vector<std::shared_ptr<Outgoing>> over;
  for (const auto& [name, out] : outgoing_)
    if (out->group == id && !out->making) over.push_back(out);
  for (const auto& out : over) outgoing_.erase(out->name);
  over.clear();
  Status dropped = co_await log->drop_owner(owner_of(id));
  while (group->checkpointing || group->installing) CO_RETURN_IF_ERROR(co_await sleep_for(env, kLookAgain));
  std::string directory = group->instance()->directory;
  // A snapshot that came late has one, too.
  std::string named = directory_of(id, group->base().instance);
  std::shared_ptr<Instance> instance = group->instance();
  group.reset();
  if (listener) listener->left(id);
  auto body = [](Impl& host, std::shared_ptr<Instance> old, std::string where, std::string other) -> Task<void> {
    co_await host.retire(std::move(old));
    co_await host.remove_directory(std::move(where));
    co_await host.remove_directory(std::move(other));
  };
  tasks_.spawn(body(*this, std::move(instance), std::move(directory), std::move(named)));
  co_return dropped;
}

Task<Result<net::DismissReplicaResponse>> Host::Impl::dismissed(net::DismissReplicaRequest request) {
  const GroupId id = request.replica.group;
  auto configuration = decode<raft::Configuration>(request.configuration);
  if (!configuration.ok() || !configuration->validate().ok())
    co_return Error(Code::invalid_argument, "a configuration that makes no sense");
  if (!started_) co_return net::DismissReplicaResponse();
  if (inviting_.contains(id)) co_return Error(Code::busy);
  if (auto broken = damaged.find(id); broken != damaged.end()) {
    const bool unnamed = broken->second.self.generation == 0;
    const bool meant = broken->second.self.generation == request.replica.generation &&
                       (unnamed || broken->second.group_epoch == request.group_epoch);
    // Where it is not known which one it was, the group must count on none that was ever here.
    bool counted_on = configuration->contains(broken->second.self);
    for (const raft::Replica& member : configuration->members())
      counted_on = counted_on || (unnamed && member.node == options.self);
    if (meant && !counted_on) CO_RETURN_IF_ERROR(co_await leave_damaged(id));
    co_return net::DismissReplicaResponse();
  }
  auto group = find(id);
  if (!group || group->base().self.generation != request.replica.generation ||
      group->base().group_epoch != request.group_epoch)
    co_return net::DismissReplicaResponse();
  const raft::Raft& raft = group->raft();
  bool counted_on = raft.configuration().contains(group->base().self);
  // One that was left out may have stood for election in later terms, but what left it out is behind what it knows. One
  // that is only being taken in may not have got so far: whoever led before knows nothing of it.
  bool newer = request.index > raft.configuration_index();
  if (!counted_on) newer = request.index >= raft.configuration_index() && request.term >= raft.term();
  if (configuration->contains(group->base().self) || !newer)
    co_return Error(Code::stale, "the replica here knows of later changes");
  group.reset();
  CO_RETURN_IF_ERROR(co_await leave(id));
  co_return net::DismissReplicaResponse();
}

void Host::Impl::ask_for_dismissal(GroupId id, const NodeId& node) {
  raft::Message message;
  message.group = id;
  if (auto group = find(id)) {
    message.group_epoch = group->base().group_epoch;
    message.from = group->base().self;
    message.term = group->raft().term();
  } else if (auto broken = damaged.find(id); broken != damaged.end()) {
    message.group_epoch = broken->second.group_epoch;
    message.from = broken->second.self;
    message.from.node = options.self;
  } else {
    return;
  }
  message.to.node = node;
  message.boot_epoch = options.boot_epoch;
  message.kind = raft::MessageKind::still_leading;
  mail_.post(std::move(message));
  wake_.wake();
}

// "Does the group still count on me?", said to whatever replica of it may be here.
bool Host::Impl::hear_question(const raft::Message& message) {
  if (message.to.generation != 0 || message.kind != raft::MessageKind::still_leading) return false;
  auto group = find(message.group);
  const bool unnamed = message.from.generation == 0;
  if (group && (unnamed || group->base().group_epoch == message.group_epoch)) group->dismiss_stranger(message.from);
  return true;
}

void Host::Impl::dismiss(Group& group, const raft::Replica& replica) {
  if (!dismissing_.insert(std::make_pair(group.id(), replica)).second) return;
  net::DismissReplicaRequest request;
  request.replica.group = group.id();
  request.replica.generation = replica.generation;
  request.group_epoch = group.base().group_epoch;
  request.term = group.raft().term();
  request.index = group.raft().configuration_index();
  request.configuration = encode(group.raft().configuration());
  tasks_.spawn(send_dismissal(replica.node, std::move(request)));
}

Task<void> Host::Impl::send_dismissal(NodeId node, net::DismissReplicaRequest request) {
  raft::Replica replica;
  replica.node = node;
  replica.generation = request.replica.generation;
  GroupId id = request.replica.group;
  auto target = mail_.target(node);
  if (target.ok()) {
    auto reply = co_await peers_.call<net::DismissReplica>(*target, std::move(request), net::CallOptions(seconds(2)));
    (void)reply.ok();  // it asks again if it must
  }
  dismissing_.erase(std::make_pair(id, replica));
}

Task<Status> Host::Impl::decide_change(GroupId id, raft::Configuration target, Instant deadline) {
  auto group = find(id);
  if (!group) co_return Code::not_found;
  CO_ASSIGN_OR_RETURN(Index index, group->raft().propose_configuration(target));
  raft::Term term = group->raft().term();
  schedule(*group);
  group.reset();
  while (true) {
    CO_RETURN_IF_ERROR(co_await sleep_for(env, kLookAgain));
    group = find(id);
    if (!group) co_return Error(Code::outcome_unknown, "the replica was removed");
    const raft::Raft& raft = group->raft();
    bool settled =
        raft.commit() >= index && !raft.configuration().joint() && raft.configuration_index() <= raft.commit();
    if (settled) co_return raft.configuration() == target ? Status() : Status(Error(Code::stale, "another change won"));
    if (raft.term() != term) co_return Error(Code::outcome_unknown, "leadership ended");
    if (env.now() >= deadline) co_return Error(Code::outcome_unknown, "not decided in time");
  }
}

Task<Status> Host::Impl::add_learner(GroupId id, NodeId node, Instant deadline) {
  auto group = find(id);
  if (!group) co_return Code::not_found;
  if (!group->raft().is_leader()) co_return Code::not_leader;
  raft::Configuration configuration = group->raft().configuration();
  if (configuration.joint() || group->raft().committed_configuration() != configuration)
    co_return Error(Code::busy, "the group is changing already");
  for (const raft::Replica& member : configuration.members())
    if (member.node == node) co_return Error(Code::exists, "the node belongs to the group");
  net::InviteReplicaRequest request;
  request.group = id;
  request.group_epoch = group->base().group_epoch;
  request.index = group->raft().configuration_index();
  request.configuration = encode(configuration);
  raft::Term term = group->raft().term();
  group.reset();
  CO_ASSIGN_OR_RETURN(auto target, mail_.target(node));
  net::CallOptions patience(deadline - env.now());
  CO_ASSIGN_OR_RETURN(auto reply, co_await peers_.call<net::InviteReplica>(target, request, std::move(patience)));
  group = find(id);
  if (!group || !group->raft().is_leader() || group->raft().term() != term) co_return Code::not_leader;
  if (group->raft().configuration() != configuration) co_return Error(Code::busy, "the group has changed");
  raft::Replica learner;
  learner.node = node;
  learner.generation = reply.response.generation;
  configuration.learners.push_back(learner);
  std::sort(configuration.learners.begin(), configuration.learners.end());
  group.reset();
  co_return co_await decide_change(id, std::move(configuration), deadline);
}

Task<Status> Host::Impl::change(GroupId id, raft::Configuration target, Instant deadline) {
  auto group = find(id);
  if (!group) co_return Code::not_found;
  const raft::Configuration& now = group->raft().configuration();
  for (const raft::Replica& member : target.members())
    if (!now.contains(member)) co_return Error(Code::invalid_argument, "new members come as learners, by invitation");
  group.reset();
  co_return co_await decide_change(id, std::move(target), deadline);
}

Task<Status> Host::Impl::transfer(GroupId id, NodeId to, Instant deadline) {
  auto group = find(id);
  if (!group) co_return Code::not_found;
  const raft::Configuration& now = group->raft().configuration();
  auto voter = std::find_if(now.voters.begin(), now.voters.end(),
                            [&to](const raft::Replica& replica) { return replica.node == to; });
  if (voter == now.voters.end()) co_return Error(Code::invalid_argument, "it has no vote");
  CO_RETURN_IF_ERROR(group->raft().transfer_to(*voter, env.now()));
  schedule(*group);
  group.reset();
  while (true) {
    CO_RETURN_IF_ERROR(co_await sleep_for(env, kLookAgain));
    group = find(id);
    if (!group) co_return Code::not_found;
    if (!group->raft().is_leader()) {
      auto leader = group->raft().leader();
      if (leader) co_return leader->node == to ? Status() : Status(Error(Code::failed, "another one leads"));
    } else if (!group->raft().transferring()) {
      co_return Error(Code::failed, "it did not take over");
    }
    if (env.now() >= deadline) co_return Code::timed_out;
  }
}

}  // namespace vortex::dht::groups
