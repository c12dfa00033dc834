// An access key as people keep it: one word in a file, which says which cluster it is for and opens its door.
#pragma once

#include <string>
#include <string_view>

#include "net/secret.h"
#include "net/secure_handshaker.h"

namespace vortex::node {

struct AccessKeyText {
  ClusterId cluster;
  net::Secret secret;

  // The name under which the cluster remembers the key: derived from the secret, and tells nothing about it.
  std::string id() const { return id_of(secret); }
  static std::string id_of(const net::Secret& secret);
  net::Presented present() const;

  // "vxkey1" and base32 of the fields and a checksum.
  std::string to_text() const;
  // Spaces and line breaks are passed over. The error says what is wrong with the text.
  static Result<AccessKeyText> parse(std::string_view text);

  VORTEX_FIELDS(cluster, secret)
};

}  // namespace vortex::node
