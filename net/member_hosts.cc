#include "net/member_hosts.h"

#include <arpa/inet.h>

#include <array>

#include "base/bytes.h"

namespace vortex::net {

std::string host_key(const std::string& host) {
  std::array<std::uint8_t, sizeof(in6_addr)> bytes;
  std::string plain = host.substr(0, host.find('%'));  // without the zone
  if (inet_pton(AF_INET6, plain.c_str(), bytes.data()) != 1) return host;
  return to_hex(ByteView(bytes).first(8));
}

void MemberHosts::add(const std::string& host) {
  std::string key = host_key(host);
  auto found = places_.find(key);
  if (found != places_.end()) {
    order_.splice(order_.end(), order_, found->second);
    return;
  }
  if (order_.size() >= kMemberHostsMax) {
    places_.erase(order_.front());
    order_.pop_front();
  }
  places_.emplace(key, order_.insert(order_.end(), key));
}

}  // namespace vortex::net
