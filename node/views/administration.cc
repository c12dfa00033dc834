// What administrators ask of a node: tokens, access keys, and the standing of nodes.
#include "net/typed_handlers.h"
#include "node/access/access_key.h"
#include "node/views/views.h"

namespace vortex::node {

namespace {

// A handler that is run only for administrators: `act(Views&, request, time left)`.
template <class Method>
using Act = Task<Result<typename Method::Response>> (*)(Views*, typename Method::Request, Duration);

template <class Method>
Task<Result<typename Method::Response>> guarded(Views* views, Env* env, Act<Method> act, net::Context context,
                                                typename Method::Request request) {
  CO_RETURN_IF_ERROR(may_administer(context));
  Duration left = context.deadline - env->now();
  co_return co_await act(views, std::move(request), left);
}

}  // namespace

Status may_administer(const net::Context& context) {
  if (context.peer->role == net::Role::member) return Status();
  const auto* rights = dynamic_cast<const Rights*>(context.peer->rights.get());
  if (rights && rights->administer()) return Status();
  return Error(Code::permission_denied, "this needs a key with administration rights");
}

Task<Result<net::CreateTokenResponse>> Views::create_token(net::CreateTokenRequest request, Duration timeout) {
  dht::TokenTerms terms;
  terms.uses = request.uses;
  if (request.life_s > static_cast<std::uint64_t>(to_seconds(kTokenLifeMax)))
    co_return Error(Code::invalid_argument, "a token lives for a year at most");
  terms.lifetime = seconds(request.life_s);
  CO_ASSIGN_OR_RETURN(net::JoinToken token, co_await membership_.create_token(terms, timeout));
  net::CreateTokenResponse response;
  response.token = token.to_text();
  response.id = token.id();
  response.expires_ns = (env_.clock().wall_now() + terms.lifetime).time_since_epoch().count();
  co_return response;
}

Task<Result<net::ListTokensResponse>> Views::list_tokens(Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::vector<JoinTokenInfo> tokens, co_await book_.access().tokens(timeout));
  net::ListTokensResponse response;
  for (const JoinTokenInfo& info : tokens) {
    net::TokenReport& report = response.tokens.emplace_back();
    report.id = info.id;
    report.created_ns = info.created_ns;
    report.expires_ns = info.expires_ns;
    report.uses_left = info.uses_left;
    report.redeemed = static_cast<std::uint32_t>(info.redeemed_by.size());
  }
  co_return response;
}

Task<Result<net::CreateKeyResponse>> Views::create_key(net::CreateKeyRequest request, Duration timeout) {
  std::vector<AccessRule> rules;
  for (const std::string& text : request.rules) {
    CO_ASSIGN_OR_RETURN(AccessRule rule, parse_access_rule(text));
    rules.push_back(std::move(rule));
  }
  AccessKeyText key;
  key.cluster = membership_.cluster();
  CO_ASSIGN_OR_RETURN(key.secret, co_await book_.access().create_key(std::move(rules), request.label, timeout));
  net::CreateKeyResponse response;
  response.key = key.to_text();
  response.id = key.id();
  co_return response;
}

Task<Result<net::ListKeysResponse>> Views::list_keys(Duration timeout) {
  CO_ASSIGN_OR_RETURN(std::vector<AccessKeyInfo> keys, co_await book_.access().keys(timeout));
  net::ListKeysResponse response;
  for (const AccessKeyInfo& info : keys) {
    net::KeyReport& report = response.keys.emplace_back();
    report.id = info.id;
    report.label = info.label;
    for (const AccessRule& rule : info.rules) report.rules.push_back(to_string(rule));
    report.created_ns = info.created_ns;
  }
  co_return response;
}

// A group whose other living voters are no majority can never agree on anything again, its members included.
Task<Status> Views::check_eviction(NodeId id, Instant deadline) {
  CO_ASSIGN_OR_RETURN(net::ReportPartitionsResponse all, co_await partitions_everywhere(deadline));
  const dht::Directory& directory = membership_.directory();
  std::size_t lost = 0;
  for (const net::PartitionReport& report : all.partitions) {
    std::size_t votes = 0, others = 0;
    bool votes_there = false;
    for (const net::PartitionReplica& replica : report.members) {
      if (!replica.voter) continue;
      ++votes;
      if (replica.node == id) votes_there = true;
      bool lives = replica.node != id && directory.health(replica.node) != dht::Health::dead;
      if (lives) ++others;
    }
    if (votes_there && 2 * others <= votes) ++lost;
  }
  std::string which = id.short_hex();
  if (lost > 0)
    co_return Error(Code::precondition_failed, std::to_string(lost) + " partitions would be lost with " + which +
                                                   ": too few of the others that vote in them are there");
  std::size_t silent = all.partitions_total - std::min<std::size_t>(all.partitions_total, all.partitions.size());
  if (silent > 0)
    co_return Error(Code::busy, std::to_string(silent) +
                                    " partitions have no leader now, so it cannot be told whether " + which +
                                    " can be missed in them");
  co_return Status();
}

// Where a leader has just died, another is there within seconds.
Task<Status> Views::wait_for_eviction(NodeId id, Instant deadline) {
  constexpr Duration kLookAgain = milliseconds(500);
  while (true) {
    Status may = co_await check_eviction(id, deadline);
    if (!may.is(Code::busy) || env_.now() + kLookAgain >= deadline) co_return may;
    CO_RETURN_IF_ERROR(co_await sleep_for(env_, kLookAgain));
  }
}

Task<Result<net::SetStandingResponse>> Views::set_standing(net::SetStandingRequest request, Duration timeout) {
  Instant deadline = env_.now() + timeout;
  if (request.standing == dht::Standing::evicted && !request.force)
    CO_RETURN_IF_ERROR(co_await wait_for_eviction(request.id, env_.now() + timeout / 2));
  net::SetStandingResponse response;
  auto deciding = membership_.decide(request.id, request.standing, deadline - env_.now());
  CO_ASSIGN_OR_RETURN(response.member, co_await std::move(deciding));
  co_return response;
}

void Views::serve_administration(net::Dispatcher& dispatcher) {
  auto on = [this, &dispatcher]<class Method>(Method, Act<Method> act) {
    dispatcher.on<Method>([this, act](net::Context context, typename Method::Request request) {
      return guarded<Method>(this, &env_, act, std::move(context), std::move(request));
    });
  };
  on(
      net::CreateToken(), +[](Views* self, net::CreateTokenRequest request, Duration left) {
        return self->create_token(std::move(request), left);
      });
  on(
      net::ListTokens(), +[](Views* self, net::ListTokensRequest, Duration left) { return self->list_tokens(left); });
  on(
      net::RevokeToken(),
      +[](Views* self, net::RevokeTokenRequest request, Duration left) -> Task<Result<net::RevokeTokenResponse>> {
        CO_RETURN_IF_ERROR(co_await self->book_.access().revoke_token(std::move(request.id), left));
        co_return net::RevokeTokenResponse();
      });
  on(
      net::CreateKey(), +[](Views* self, net::CreateKeyRequest request, Duration left) {
        return self->create_key(std::move(request), left);
      });
  on(
      net::ListKeys(), +[](Views* self, net::ListKeysRequest, Duration left) { return self->list_keys(left); });
  on(
      net::RevokeKey(),
      +[](Views* self, net::RevokeKeyRequest request, Duration left) -> Task<Result<net::RevokeKeyResponse>> {
        CO_RETURN_IF_ERROR(co_await self->book_.access().revoke_key(std::move(request.id), left));
        co_return net::RevokeKeyResponse();
      });
  on(
      net::SetStanding(), +[](Views* self, net::SetStandingRequest request, Duration left) {
        return self->set_standing(std::move(request), left);
      });
  on(
      net::ChangeSettings(),
      +[](Views* self, net::ChangeSettingsRequest request, Duration left) -> Task<Result<net::ChangeSettingsResponse>> {
        net::ChangeSettingsResponse response;
        auto changing = self->membership_.change_settings(request.topology, milliseconds(request.heartbeat_ms), left);
        CO_ASSIGN_OR_RETURN(response.settings, co_await std::move(changing));
        co_return response;
      });
}

}  // namespace vortex::node
