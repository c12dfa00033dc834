#include "tools/remote/remote.h"

#include "tools/cli/output.h"
#include "tools/cli/real_world.h"

namespace vortex::remote {

namespace {

node::SessionOptions session_options(const cli::ConnectionSettings& settings) {
  node::SessionOptions options;
  options.addresses = settings.addresses;
  options.key = settings.key;
  options.transport = settings.transport;
  return options;
}

std::string hint_for(const Error& error) {
  switch (error.code()) {
    case Code::unreachable:
      return "is a node running there? --connect, VORTEX_CONNECT or client.json say where";
    case Code::unauthenticated:
    case Code::wrong_cluster:
      return "the access key is not one of this cluster, or was revoked; --key or VORTEX_KEY names another";
    case Code::too_few_nodes:
      return "'vortex nodes' shows who is missing";
    case Code::outcome_unknown:
      return "look whether it happened before you repeat it";
    case Code::busy:
    case Code::timed_out:
      return "try again, or give it more time with --timeout SECONDS";
    default:
      return "";
  }
}

Task<Status> run_body(Env& env, const cli::ConnectionSettings& settings, const cli::Invocation& invocation,
                      cli::Output& out, const Body& body) {
  Remote remote(env, settings);
  Status done = co_await remote.session.connect(settings.timeout);
  if (done.ok()) done = co_await body(remote, invocation, out);
  co_await remote.session.stop();
  co_return done;
}

}  // namespace

Remote::Remote(Env& environment, const cli::ConnectionSettings& settings)
    : ClientParts(environment, session_options(settings), settings.timeout) {}

Status run_with_cluster(const cli::Invocation& invocation, cli::Output& out, const Body& body) {
  ASSIGN_OR_RETURN(cli::ConnectionSettings settings,
                   cli::connection_settings(invocation, cli::process_environment(), out));
  Status done = cli::run_in_real_world([&](Env& env) { return run_body(env, settings, invocation, out, body); });
  if (!done.ok() && !out.has_hint()) out.hint(hint_for(done.error()));
  return done;
}

std::function<Status(const cli::Invocation&, cli::Output&)> with_cluster(Body body) {
  return [body = std::move(body)](const cli::Invocation& invocation, cli::Output& out) {
    return run_with_cluster(invocation, out, body);
  };
}

}  // namespace vortex::remote
