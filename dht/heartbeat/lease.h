// How long an acknowledged heartbeat binds.
#pragma once

#include "dht/members/member.h"

namespace vortex::dht {

// Acknowledging promises not to vote against the sender for this long.
inline constexpr Duration kLease = milliseconds(900);
static_assert(kLease >= 3 * kHeartbeatInterval, "a lost heartbeat does not end a lease");

}  // namespace vortex::dht
