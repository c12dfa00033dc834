// What a sync that failed means for the process.
#pragma once

#include <string>

#include "base/env.h"

namespace vortex::wal {

// Passes the outcome of a sync on. After a failed one nothing can be believed that was written since the last success,
// not even when a later sync succeeds, so it ends the process; unless the machine is going down anyway.
inline Status synced(Env& env, Status outcome, const std::string& path) {
  if (outcome.ok() || outcome.is(Code::cancelled) || outcome.is(Code::closed)) return outcome;
  env.fail_stop("a sync of " + path + " failed: " + outcome.error().to_string());
  return outcome;
}

}  // namespace vortex::wal
