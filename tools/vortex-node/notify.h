// Words to systemd, where it started us: "READY=1", "STOPPING=1".
#pragma once

#include <string_view>

namespace vortex {

// Does nothing when nobody listens; what cannot be said is lost, as it only informs.
void notify_service_manager(std::string_view state);

}  // namespace vortex
