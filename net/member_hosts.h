// Hosts from which or at which members have proven themselves: a guess at who is behind a new connection, before it has
// said a word.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "net/limits.h"

namespace vortex::net {

// An address without what its owner can change at will: of IPv6, the first 64 bits.
std::string host_key(const std::string& host);

// At most kMemberHostsMax; the one that was not heard of for the longest time goes.
class MemberHosts {
 public:
  void add(const std::string& host);
  bool contains(const std::string& key) const { return places_.contains(key); }
  std::size_t size() const { return order_.size(); }

 private:
  std::list<std::string> order_;  // keys, the latest last
  std::unordered_map<std::string, std::list<std::string>::iterator> places_;
};

}  // namespace vortex::net
