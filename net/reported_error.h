// Errors in the words of the other side of a connection.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace vortex::net {

// What the other side reports is about its own affairs, and some codes mean something else on this side: `cancelled`
// ends the task that hears it, and `unreachable` promises that the request was not executed. Both become `closed`. A
// hint when to retry is bounded by kRetryAfterMaxMs.
Error reported_error(std::uint16_t code, std::uint32_t retry_after_ms, std::string text);

}  // namespace vortex::net
