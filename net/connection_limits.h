// How many connections a node may have at once.
#pragma once

#include <cstddef>

#include "net/limits.h"

namespace vortex::net {

struct ConnectionLimits {
  std::size_t accepted = kNodeConnectionsMax;
  std::size_t guests = kGuestConnectionsMax;  // of the accepted ones
  std::size_t links = kLinksMax;              // made from here
  std::size_t handshakes = kHandshakesMax;

  std::size_t total() const { return accepted + links + kLinksClosingMax + handshakes; }
  // All smaller in the same proportion, so that there are no more than `most`; but never so few that members could not
  // talk to each other any more.
  static ConnectionLimits within(std::size_t most);
};

}  // namespace vortex::net
