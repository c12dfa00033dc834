// Finding nodes by their ids.
#pragma once

#include <vector>

#include "base/codec.h"
#include "base/network.h"
#include "net/message_row.h"

namespace vortex::net {

// A node and where it can be called. Said by somebody else it is a hint: its id is proven only when it is called.
struct Contact {
  NodeId id;
  Address address;
  bool operator==(const Contact&) const = default;
  VORTEX_FIELDS(id, address)
};

// Who is nearest to this id? With `count` 0: are you there?
struct FindNodeRequest {
  Id target;
  std::uint16_t count = 0;
  VORTEX_FIELDS(target, count)
};
// Nodes that have answered the sender themselves, without the sender and the asker, nearest first; no more than asked
// for.
struct FindNodeResponse {
  std::vector<Contact> nodes;
  VORTEX_FIELDS(nodes)
};

// clang-format off
#define VORTEX_KADEMLIA_MESSAGES(X) \
  X(80, FindNode, FindNodeRequest, FindNodeResponse, 32 * kKiB, 0, 0, frame, true, member, control)
// clang-format on
VORTEX_KADEMLIA_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
