// Decisions: making them, and seeing to it that they reach everybody.
#include <algorithm>

#include "base/log.h"
#include "dht/joining/membership.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
constexpr Duration kDescribeWithin = seconds(5);
constexpr Duration kFollowWithin = seconds(5);
// Addresses in a token, besides that of the node that makes it.
constexpr std::size_t kTokenAddresses = 4;
// So many members must say that this node was evicted; or all there are.
constexpr std::size_t kRefusals = 2;

Error not_begun() { return Error(Code::busy, "this node does not take part in its cluster yet"); }
// It may be taken back at any time.
Duty duty_of(const std::function<Duty()>& duty) { return duty ? duty() : Duty::none; }
}  // namespace

Task<Status> Membership::found(Duration timeout) {
  if (!started_ || !decisions_) co_return not_begun();
  Decision about = decision_of(state_.self);
  co_return co_await decisions_->found(id(), std::move(about), state_.settings, state_.keys, timeout);
}

Task<Result<net::JoinToken>> Membership::create_token(TokenTerms terms, Duration timeout) {
  if (!started_ || !book_) co_return not_begun();
  net::JoinToken token;
  token.addresses.push_back(address());
  // The token outlives this node.
  for (const Member& other : sample_alive(directory_, id(), kTokenAddresses, env_.random()))
    token.addresses.push_back(other.address);
  token.cluster = state_.cluster;
  token.secret = net::Secret::random(env_.random());
  auto made = co_await book_->add_token(token.secret, terms, timeout);
  if (!made.ok()) co_return std::move(made).error();
  co_return token;
}

Task<Result<Member>> Membership::decide(NodeId id, Standing standing, Duration timeout) {
  if (!started_ || !decisions_) co_return not_begun();
  CO_ASSIGN_OR_RETURN(Decision decision, co_await decisions_->set_standing(id, standing, timeout));
  if (!carry_out(id, decision)) co_return Error(Code::not_found, "decided, but this node does not know the member");
  if (!belongs(standing)) CO_RETURN_IF_ERROR(co_await remember_contacts());
  co_return *directory_.find(id);
}

Task<Result<net::ClusterSettings>> Membership::change_settings(Topology topology, Duration heartbeat,
                                                               Duration timeout) {
  if (!started_ || !decisions_) co_return not_begun();
  if (heartbeat < kHeartbeatMin || heartbeat > kHeartbeatMax)
    co_return Error(Code::invalid_argument, "heartbeats go every 20 ms to 10 s");
  auto heartbeat_ms = static_cast<std::uint32_t>(to_ms(heartbeat));
  auto changing = decisions_->change_settings(topology, heartbeat_ms, timeout);
  CO_ASSIGN_OR_RETURN(net::ClusterSettings settings, co_await std::move(changing));
  adopt(settings);
  CO_RETURN_IF_ERROR(co_await save_state());
  co_return settings;
}

// False when this node does not know where the member is. Who must not come in is known all the same.
bool Membership::carry_out(const NodeId& id, const Decision& decision) {
  auto member = directory_.find(id);
  if (!member && belongs(decision.standing)) return false;
  if (!member) {
    member.emplace();
    member->id = id;
  }
  if (decision.decided <= member->decided) return true;
  member->decided = decision.decided;
  member->standing = decision.standing;
  member->capacity = decision.capacity;
  member->zone = decision.zone;
  auto merged = directory_.merge(*member);
  if (!merged.ok()) env_.log().error("members", "a decision cannot be carried out", Field("error", merged.error()));
  return true;
}

Task<void> Membership::describe_self() {
  auto describing = decisions_->describe(id(), options_.zone, options_.capacity, kDescribeWithin);
  auto decision = co_await std::move(describing);
  if (decision.ok()) {
    carry_out(id(), *decision);
    describe_ = false;
  } else if (!decision.is(Code::cancelled)) {
    env_.log().info("members", "cannot say yet what the operator says of this node", Field("error", decision.error()));
  }
}

// Whoever leads the decisions brings them to everybody.
Task<void> Membership::follow() {
  if (!decisions_ || duty_of(duty_) == Duty::none) {
    followed_ = 0;
    unheard_.clear();
    co_return;
  }
  Status followed = co_await follow_all();
  if (followed.ok() && due_keys_ != 0 && duty_of(duty_) == Duty::renew) {
    followed = co_await decisions_->replace_secret(due_keys_, kFollowWithin);
    if (followed.ok()) followed = co_await follow_all();
  }
  if (!followed.ok() && !followed.is(Code::cancelled))
    env_.log().info("members", "the decisions cannot be followed now", Field("error", followed.error()));
}

Task<Status> Membership::follow_all() {
  CO_ASSIGN_OR_RETURN(Version latest, co_await decisions_->latest(kFollowWithin));
  // Whom this node did not know it may have heard of since.
  std::erase_if(unheard_, [this](const auto& it) { return carry_out(it.first, it.second); });
  if (latest == followed_) co_return Status();
  CO_ASSIGN_OR_RETURN(AllDecisions decisions, co_await decisions_->all(kFollowWithin));
  unheard_.clear();
  for (const auto& [member, decision] : decisions.members)
    if (!carry_out(member, decision)) unheard_.emplace(member, decision);
  std::uint32_t settings = state_.settings.version, epoch = key_epoch();
  if (decisions.settings) adopt(*decisions.settings);
  std::vector<net::ClusterKeyCopy> keys;
  for (const net::ClusterKey& key : decisions.keys) {
    net::ClusterKeyCopy& copy = keys.emplace_back();
    copy.epoch = key.epoch;
    copy.secret = key.secret;
  }
  // Who must not have the secret is on the disk before it.
  bool rekeyed = !keys.empty() && keys.front().epoch > epoch;
  if (rekeyed) CO_RETURN_IF_ERROR(co_await remember_contacts());
  adopt_keys(keys);
  if (settings != state_.settings.version || epoch != key_epoch()) CO_RETURN_IF_ERROR(co_await save_state());
  due_keys_ = decisions.secret_is_due ? decisions.keys_version : 0;
  followed_ = latest;
  co_return Status();
}

// A member says that this node was evicted. One may be mistaken.
void Membership::refused_by(const NodeId& id) {
  if (!started_ || !belongs(directory_.standing(id)) || id == this->id()) return;
  refusals_.insert(id);
  std::size_t others = directory_.belonging() - 1;
  if (refusals_.size() < std::min(kRefusals, others) || !belongs(state_.self.standing)) return;
  state_.self.standing = Standing::evicted;
  tasks_.spawn(end_as_evicted());
}

Task<void> Membership::end_as_evicted() {
  Status saved = co_await save_state();
  if (!saved.is(Code::cancelled)) env_.fail_stop("this node was evicted from the cluster");
}

}  // namespace vortex::dht
