// Commands for those who administer a cluster: tokens, keys, nodes.
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "dht/members/member.h"
#include "tools/cli/output.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"
#include "tools/vortex/commands.h"
#include "tools/vortex/nodes_view.h"

namespace vortex {

namespace {

using nlohmann::json;
using remote::Remote;

Task<Status> token_create(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  net::CreateTokenRequest request;
  CO_ASSIGN_OR_RETURN(double uses, invocation.number("--uses", 1, 1));
  request.uses = static_cast<std::uint32_t>(uses);
  CO_ASSIGN_OR_RETURN(Duration life, parse_duration(invocation.text("--expires").value_or("24h")));
  request.life_s = static_cast<std::uint64_t>(to_seconds(life));
  CO_ASSIGN_OR_RETURN(net::CreateTokenResponse made, co_await at.session.ask<net::CreateToken>(request, at.timeout));
  out.text(made.token + "\n");
  out.put("token", made.token);
  out.put("id", made.id);
  out.put("expires", remote::time_text(made.expires_ns));
  co_return Status();
}

Task<Status> token_list(Remote& at, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(net::ListTokensResponse all,
                      co_await at.session.ask<net::ListTokens>(net::ListTokensRequest(), at.timeout));
  json tokens = json::array();
  for (const net::TokenReport& token : all.tokens) {
    std::string expires = remote::time_text(token.expires_ns);
    tokens.push_back(
        {{"id", token.id}, {"expires", expires}, {"uses_left", token.uses_left}, {"redeemed", token.redeemed}});
    out.text(token.id + "  expires " + expires + "  " + std::to_string(token.uses_left) + " uses left, " +
             std::to_string(token.redeemed) + " redeemed\n");
  }
  out.put("tokens", tokens);
  co_return Status();
}

Task<Status> token_revoke(Remote& at, const cli::Invocation& invocation, cli::Output&) {
  net::RevokeTokenRequest request;
  request.id = invocation.arguments[0];
  auto done = co_await at.session.ask<net::RevokeToken>(request, at.timeout);
  if (!done.ok()) co_return remote::about(request.id, done.error());
  co_return Status();
}

Task<Status> key_create(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  net::CreateKeyRequest request;
  request.rules = invocation.arguments;
  request.label = invocation.text("--label").value_or("");
  CO_ASSIGN_OR_RETURN(net::CreateKeyResponse made, co_await at.session.ask<net::CreateKey>(request, at.timeout));
  out.text(made.key + "\n");
  out.put("key", made.key);
  out.put("id", made.id);
  co_return Status();
}

Task<Status> key_list(Remote& at, const cli::Invocation&, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(net::ListKeysResponse all,
                      co_await at.session.ask<net::ListKeys>(net::ListKeysRequest(), at.timeout));
  json keys = json::array();
  for (const net::KeyReport& key : all.keys) {
    keys.push_back(
        {{"id", key.id}, {"label", key.label}, {"rules", key.rules}, {"created", remote::time_text(key.created_ns)}});
    std::string rules;
    for (const std::string& rule : key.rules) rules += " " + remote::printable(rule);
    out.text(key.id + " " + rules + "  " + remote::printable(key.label) + "\n");
  }
  out.put("keys", keys);
  co_return Status();
}

Task<Status> key_revoke(Remote& at, const cli::Invocation& invocation, cli::Output&) {
  net::RevokeKeyRequest request;
  request.id = invocation.arguments[0];
  auto done = co_await at.session.ask<net::RevokeKey>(request, at.timeout);
  if (!done.ok()) co_return remote::about(request.id, done.error());
  co_return Status();
}

template <net::MemberStanding kStanding>
Task<Status> set_standing(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(net::Member member, member_named(at.session.members(), invocation.arguments[0]));
  net::SetStandingRequest request;
  request.id = member.id;
  request.standing = kStanding;
  request.force = invocation.has("--force");
  auto done = co_await at.session.ask<net::SetStanding>(request, at.timeout);
  if (done.is(Code::precondition_failed) && kStanding == net::MemberStanding::evicted)
    out.hint(
        "'vortex drain " + member.id.short_hex() +
        "' has it hand on what it holds; then try again. Or start nodes that are away; --force evicts all the same");
  if (!done.ok()) co_return remote::about(member.id.short_hex(), done.error());
  std::string standing(dht::to_string(done->member.standing));
  out.text(member.id.short_hex() + " " + member.address.to_string() + " is " + standing + "\n");
  out.put("id", member.id.hex());
  out.put("standing", standing);
  co_return Status();
}

cli::Command administration(std::string group, std::string name, std::string arguments, std::string summary,
                            remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = std::move(group);
  command.arguments_min = command.arguments_max = arguments.empty() ? 0 : 1;
  command.arguments = std::move(arguments);
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

}  // namespace

std::vector<cli::Command> access_commands() {
  using net::MemberStanding;
  std::vector<cli::Command> all = {
      administration("running", "drain", "NODE", "moves everything off a node, so that it can go",
                     set_standing<MemberStanding::draining>),
      administration("running", "evict", "NODE", "bars a node for good, and changes the cluster's secret",
                     set_standing<MemberStanding::evicted>),
      administration("access", "token create", "", "a token with which a node can join", token_create),
      administration("access", "token list", "", "the tokens there are", token_list),
      administration("access", "token revoke", "ID", "makes a token worthless", token_revoke),
      administration("access", "key create", "RULE…", "a key with certain rights", key_create),
      administration("access", "key list", "", "the keys there are, and what they permit", key_list),
      administration("access", "key revoke", "ID", "makes a key worthless", key_revoke)};
  all[1].flags = {{"--force", "", "also where partitions are lost with it"}};
  all[2].flags = {{"--uses", "N", "how many nodes may join with it; 1"},
                  {"--expires", "TIME", "when it runs out; 24h"}};
  all[5].arguments_max = cli::Command::kAny;
  all[5].details =
      "A rule is letters and a path: r to read, w to write, a to administer (for / alone), for the path and all that\n"
      "is below. 'vortex key create r:/ rw:/photos' reads everything and writes photos.";
  all[5].flags = {{"--label", "TEXT", "what it is for"}};
  return all;
}

}  // namespace vortex
