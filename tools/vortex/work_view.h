// How far repair and rebalance are, as JSON and in a line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "net/messages/repair.h"

namespace vortex {

// active, paused, done, left, bytes_done, bytes_left, rate_bytes, eta_s (null while it cannot be told), waits.
nlohmann::json work_json(const net::WorkReport& work);
std::string work_text(const net::WorkReport& work);

}  // namespace vortex
