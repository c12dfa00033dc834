// A join token as people pass it on: one word that says where to go, to which cluster, and opens the door once (or as
// often as it was made for).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/network.h"
#include "net/secret.h"
#include "net/secure_handshaker.h"

namespace vortex::net {

struct JoinToken {
  static constexpr std::size_t kAddressesMax = 8;

  std::vector<Address> addresses;  // of members; at least one
  ClusterId cluster;
  Secret secret;

  // The name under which the cluster remembers the token: derived from the secret, and tells nothing about it.
  std::string id() const { return id_of(secret); }
  static std::string id_of(const Secret& secret);
  // What the handshake needs of it.
  Presented present() const;

  // "vxjoin1" and base32 of the fields and a checksum.
  std::string to_text() const;
  // Spaces and line breaks, as copying leaves them, are passed over. The error says what is wrong with the text.
  static Result<JoinToken> parse(std::string_view text);

  VORTEX_FIELDS(addresses, cluster, secret)
};

}  // namespace vortex::net
