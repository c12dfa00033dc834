#include "dht/joining/member_credentials.h"

namespace vortex::dht {

net::Standing MemberCredentials::standing(const NodeId& id) const {
  if (!directory_.knows(id)) return net::Standing::unknown;
  switch (directory_.standing(id)) {
    case Standing::evicted:
      return net::Standing::evicted;
    case Standing::left:
      return net::Standing::unknown;
    default:
      return net::Standing::member;
  }
}

}  // namespace vortex::dht
