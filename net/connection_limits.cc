#include "net/connection_limits.h"

#include <algorithm>

namespace vortex::net {

ConnectionLimits ConnectionLimits::within(std::size_t most) {
  constexpr std::size_t kFewest = 16;
  ConnectionLimits limits;
  std::size_t all = limits.total() - kLinksClosingMax;
  std::size_t room = most - std::min(most, kLinksClosingMax);
  auto share = [&](std::size_t& limit) { limit = std::max(kFewest, limit * std::min(room, all) / all); };
  share(limits.accepted);
  share(limits.links);
  share(limits.handshakes);
  limits.guests = limits.accepted / 2;
  return limits;
}

}  // namespace vortex::net
