// Decisions: who stands how, the secret, the settings. Made by the keeper.
#include <algorithm>

#include "base/log.h"
#include "dht/joining/membership.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
constexpr std::uint32_t kHeartbeatMsMin = 50, kHeartbeatMsMax = 10'000;
}

net::Target Membership::keeper() const {
  auto member = directory_.find(state_.settings.keeper);
  return net::Target(state_.settings.keeper, member ? member->address : Address());
}

Task<Result<net::JoinToken>> Membership::create_token(TokenTerms terms) {
  if (!started_ || (book_ == &local_book_ && !is_keeper()))
    co_return Error(Code::unsupported,
                    "tokens are made by the node that made the cluster, " + keeper().address.to_string());
  net::JoinToken token;
  token.addresses.push_back(address());
  token.cluster = state_.cluster;
  token.secret = net::Secret::random(env_.random());
  auto made = co_await book_->add_token(token.secret, terms);
  if (!made.ok()) co_return std::move(made).error();
  co_return token;
}

Task<Result<Member>> Membership::decide(NodeId id, Standing standing, Duration timeout) {
  if (is_keeper()) co_return co_await decide_here(id, standing);
  net::DecideRequest request;
  request.id = id;
  request.standing = standing;
  net::CallOptions options(timeout);
  auto reply = co_await peers_.call<net::Decide>(keeper(), std::move(request), std::move(options));
  if (!reply.ok()) co_return std::move(reply).error();
  auto merged = directory_.merge(reply->response.member);
  if (!merged.ok()) co_return std::move(merged).error();
  co_return reply->response.member;
}

Task<Result<Member>> Membership::decide_here(NodeId id, Standing standing) {
  auto member = directory_.find(id);
  if (!member) co_return Error(Code::not_found, "no such member");
  if (member->standing == standing) co_return *member;
  if (member->standing == Standing::evicted)
    co_return Error(Code::precondition_failed, "whoever was evicted stays out");
  if (standing == Standing::evicted && id == this->id())
    co_return Error(Code::invalid_argument, "the keeper of the decisions cannot evict itself");
  ++member->decided;
  member->standing = standing;
  auto merged = directory_.merge(*member);
  if (!merged.ok()) co_return std::move(merged).error();
  // What it decided must outlive this node's restart: it is in the list of those it remembers.
  CO_RETURN_IF_ERROR(co_await remember_contacts());
  // It knows the secret.
  if (standing == Standing::evicted) CO_RETURN_IF_ERROR(co_await replace_secret());
  co_return *directory_.find(id);
}

Task<Status> Membership::replace_secret() {
  net::ClusterKey key;
  key.epoch = key_epoch() + 1;
  key.secret = net::Secret::random(env_.random());
  state_.keys.insert(state_.keys.begin(), std::move(key));
  if (state_.keys.size() > net::kClusterKeysMax) state_.keys.resize(net::kClusterKeysMax);
  CO_RETURN_IF_ERROR(co_await save_state());
  tell_versions();
  co_return Status();
}

Task<Result<net::ClusterSettings>> Membership::change_settings(Topology topology, Duration heartbeat,
                                                               Duration timeout) {
  auto heartbeat_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(0, to_ms(heartbeat)));
  if (is_keeper()) co_return co_await change_here(topology, heartbeat_ms);
  net::ChangeSettingsRequest request;
  request.topology = topology;
  request.heartbeat_ms = heartbeat_ms;
  net::CallOptions options(timeout);
  auto reply = co_await peers_.call<net::ChangeSettings>(keeper(), std::move(request), std::move(options));
  if (!reply.ok()) co_return std::move(reply).error();
  adopt(reply->response.settings);
  co_return reply->response.settings;
}

Task<Result<net::ClusterSettings>> Membership::change_here(Topology topology, std::uint32_t heartbeat_ms) {
  if (heartbeat_ms < kHeartbeatMsMin || heartbeat_ms > kHeartbeatMsMax)
    co_return Error(Code::invalid_argument, "heartbeats go every 50 ms to 10 s");
  net::ClusterSettings settings = state_.settings;
  ++settings.version;
  settings.topology = topology;
  settings.heartbeat_ms = heartbeat_ms;
  adopt(settings);
  CO_RETURN_IF_ERROR(co_await save_state());
  co_return state_.settings;
}

Task<Result<net::Reply<net::Decide>>> Membership::serve_decide(net::Context, net::DecideRequest request) {
  if (!started_ || !is_keeper()) co_return Error(Code::not_leader, "another node keeps the decisions");
  auto decided = co_await decide_here(request.id, request.standing);
  if (!decided.ok()) co_return std::move(decided).error();
  net::DecideResponse response;
  response.member = std::move(*decided);
  co_return net::Reply<net::Decide>(std::move(response));
}

Task<Result<net::Reply<net::ChangeSettings>>> Membership::serve_change(net::Context,
                                                                       net::ChangeSettingsRequest request) {
  if (!started_ || !is_keeper()) co_return Error(Code::not_leader, "another node keeps the settings");
  auto changed = co_await change_here(request.topology, request.heartbeat_ms);
  if (!changed.ok()) co_return std::move(changed).error();
  net::ChangeSettingsResponse response;
  response.settings = *changed;
  co_return net::Reply<net::ChangeSettings>(std::move(response));
}

}  // namespace vortex::dht
