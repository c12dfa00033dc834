// Commands that talk to a cluster: the connection, and everything that can be asked over it.
#pragma once

#include <functional>

#include "node/client/client_parts.h"
#include "tools/cli/command.h"
#include "tools/cli/connection.h"

namespace vortex::remote {

struct Remote : node::ClientParts {
  Remote(Env& environment, const cli::ConnectionSettings& settings);
};

using Body = std::function<Task<Status>(Remote& remote, const cli::Invocation& invocation, cli::Output& out)>;

// Connects, runs the body, and says what to do about what went wrong.
Status run_with_cluster(const cli::Invocation& invocation, cli::Output& out, const Body& body);
// What a command's `run` is.
std::function<Status(const cli::Invocation&, cli::Output&)> with_cluster(Body body);

}  // namespace vortex::remote
