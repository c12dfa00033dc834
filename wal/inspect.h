// Looks at a log without changing it: `vortex wal inspect DIR`.
#pragma once

#include <string>

#include "base/env.h"
#include "wal/report.h"

namespace vortex::wal {

// Reads and verifies everything. `damaged` when no log can be made out at all; damage inside of one is in the report,
// as recovery would find it. The log should not be in use.
Task<Result<RecoveryReport>> inspect(Env& env, std::string directory);

// For people: what there is, one line for each segment, and every damage with its place and whom it hurts.
std::string to_text(const RecoveryReport& report);

}  // namespace vortex::wal
