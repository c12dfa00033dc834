// `vortex doctor --deep`: all records of the file system against each other.
#pragma once

#include "tools/cli/output.h"
#include "tools/remote/remote.h"

namespace vortex {

// Prints what is wrong, and fails with `damaged` when something is. Needs a key with administration rights.
Task<Status> doctor_deep(remote::Remote& from, cli::Output& out);

}  // namespace vortex
