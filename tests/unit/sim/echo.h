// A small protocol for tests: whatever comes is sent back.
#pragma once

#include <string>

#include "base/env.h"

namespace vortex::sim {

inline constexpr std::uint16_t kEchoPort = 7;

Task<Status> write_all(Connection& connection, std::string text);
// Exactly `size` bytes.
Task<Result<std::string>> read_exactly(Connection& connection, std::size_t size);
// Serves all who come until it is cancelled.
Task<void> echo_server(Env& env);
// Connects, sends, and waits for the echo.
Task<Result<std::string>> ask(Env& env, Address at, std::string text);

}  // namespace vortex::sim
