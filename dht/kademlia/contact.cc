#include "dht/kademlia/contact.h"

#include <arpa/inet.h>

#include <array>

#include "dht/kademlia/limits.h"

namespace vortex::dht {

std::string origin_of(const Address& address) {
  std::array<std::uint8_t, 16> bytes;
  if (address.host.find(':') == std::string::npos || ::inet_pton(AF_INET6, address.host.c_str(), bytes.data()) != 1)
    return address.host;
  return to_hex(ByteView(bytes).first(8));
}

bool callable(const Contact& contact) {
  return !contact.id.is_zero() && !contact.address.host.empty() && contact.address.host.size() <= kContactHostMax &&
         contact.address.port != 0;
}

}  // namespace vortex::dht
