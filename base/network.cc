#include "base/network.h"

#include <algorithm>
#include <charconv>

namespace vortex {

namespace {
constexpr std::size_t kHostMax = 253;

Error bad_address(std::string_view text, std::string_view why) {
  return Error(Code::invalid_argument, "address \"" + std::string(text.substr(0, 300)) + "\": " + std::string(why));
}

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}
// An IPv6 address may carry a zone: fe80::1%eth0.
bool ipv6_character(char c) { return host_character(c) || c == ':' || c == '%'; }
}  // namespace

Result<Address> Address::parse(std::string_view text) {
  std::string_view host, port;
  bool bracketed = text.starts_with('[');
  if (bracketed) {
    std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad_address(text, "the bracket is not closed");
    host = text.substr(1, end - 1);
    if (end + 1 == text.size()) return bad_address(text, "the port is missing");
    if (text[end + 1] != ':') return bad_address(text, "after the bracket comes :PORT");
    port = text.substr(end + 2);
  } else {
    std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad_address(text, "the port is missing, write HOST:PORT");
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.find(':') != std::string_view::npos) return bad_address(text, "an IPv6 address goes in brackets");
  }
  if (host.empty()) return bad_address(text, "the host is missing");
  if (host.size() > kHostMax) return bad_address(text, "the host is too long");
  if (!std::all_of(host.begin(), host.end(), bracketed ? ipv6_character : host_character))
    return bad_address(text, "the host has characters that no host has");
  if (bracketed && host.find(':') == std::string_view::npos) return bad_address(text, "brackets are for IPv6");
  if (port.empty()) return bad_address(text, "the port is missing");
  Address address;
  auto [rest, failure] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (failure != std::errc() || rest != port.data() + port.size())
    return bad_address(text, "the port is not a number from 0 to 65535");
  address.host = host;
  return address;
}

std::string Address::to_string() const {
  bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace vortex
