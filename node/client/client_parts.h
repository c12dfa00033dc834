// Everything that a client of a cluster consists of, on one loop.
#pragma once

#include "node/client/remote_files.h"
#include "node/client/remote_holders.h"
#include "node/client/remote_names.h"
#include "node/client/session.h"

namespace vortex::node {

struct ClientParts {
  ClientParts(Env& e, SessionOptions options, Duration request_timeout)
      : env(e),
        timeout(request_timeout),
        session(e, std::move(options)),
        files(e, session.peers(), session),
        holders(session.peers(), session),
        names(e, files) {}

  Env& env;
  const Duration timeout;  // of one request
  Session session;
  RemoteFiles files;
  RemoteHolders holders;
  RemoteNames names;
};

}  // namespace vortex::node
