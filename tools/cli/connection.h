// Which cluster a command talks to, and with which key: from flags, the environment, and client.json.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/network.h"
#include "base/time.h"
#include "node/access/access_key.h"
#include "tools/cli/command.h"

namespace vortex::cli {

class Output;

struct ConnectionSettings {
  std::vector<Address> addresses;  // at least one
  node::AccessKeyText key;
  net::Transport transport = net::Transport::tls;
  Duration timeout = seconds(30);
};

// The value of an environment variable, if it is set and not empty.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment process_environment();

// A flag counts more than VORTEX_CONNECT and VORTEX_KEY, and those more than the file: --config, VORTEX_CONFIG, or
// ~/.config/vortex/client.json where there is one. What is missing or wrong is said with a hint.
Result<ConnectionSettings> connection_settings(const Invocation& invocation, const Environment& environment,
                                               Output& out);

}  // namespace vortex::cli
