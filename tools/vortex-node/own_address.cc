#include "tools/vortex-node/own_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>

namespace vortex {

bool is_wildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

std::string own_address() {
  std::string found = "127.0.0.1";
  ifaddrs* interfaces = nullptr;
  if (::getifaddrs(&interfaces) != 0) return found;
  for (ifaddrs* each = interfaces; each != nullptr; each = each->ifa_next) {
    bool usable = each->ifa_addr != nullptr && each->ifa_addr->sa_family == AF_INET &&
                  (each->ifa_flags & IFF_UP) != 0 && (each->ifa_flags & IFF_LOOPBACK) == 0;
    if (!usable) continue;
    std::array<char, INET_ADDRSTRLEN> text{};
    const auto* address = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
    if (::inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size()) == nullptr) continue;
    found = text.data();
    break;
  }
  ::freeifaddrs(interfaces);
  return found;
}

}  // namespace vortex
