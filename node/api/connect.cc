#include "node/api/core.h"

namespace vortex::api {

namespace {

vortex::Result<node::SessionOptions> session_options(const ConnectOptions& options) {
  node::SessionOptions session;
  for (const std::string& text : options.addresses) {
    ASSIGN_OR_RETURN(Address address, Address::parse(text));
    session.addresses.push_back(std::move(address));
  }
  if (session.addresses.empty())
    return vortex::Error(vortex::Code::bad_config, "which cluster? `addresses` names no node");
  if (options.key.empty() == options.key_file.empty())
    return vortex::Error(vortex::Code::bad_config, "one of `key` and `key_file` is needed");
  if (!options.key.empty()) {
    ASSIGN_OR_RETURN(session.key, node::AccessKeyText::parse(options.key));
  }
  if (options.transport == Transport::plain) session.transport = net::Transport::plain;
  if (options.timeout <= std::chrono::milliseconds(0))
    return vortex::Error(vortex::Code::bad_config, "`timeout` is no time");
  return session;
}

}  // namespace

Result<Client> Client::connect(ConnectOptions options) {
  auto session = session_options(options);
  if (!session.ok()) return to_public(session.error());
  auto engine = node::Engine::connect(std::move(*session), options.key_file, options.timeout);
  if (!engine.ok()) return to_public(engine.error());
  return Client(std::make_shared<Core>(std::move(*engine)));
}

}  // namespace vortex::api
