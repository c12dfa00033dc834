// A node and where it can be called, as this room speaks of it.
#pragma once

#include <string>

#include "net/messages/kademlia.h"

namespace vortex::dht {

using net::Contact;

// What counts as one place that contacts come from: the host; of a numeric IPv6 address the network (its first 64
// bits), of which one customer has all addresses.
std::string origin_of(const Address& address);

// Could this be called at all?
bool callable(const Contact& contact);

}  // namespace vortex::dht
