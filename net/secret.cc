#include "net/secret.h"

#include <openssl/crypto.h>

namespace vortex::net {

Secret Secret::random(Random& random) {
  Secret secret;
  random.fill(secret.bytes_);
  return secret;
}

std::optional<Secret> Secret::from_bytes(ByteView bytes) {
  if (bytes.size() != kSize) return std::nullopt;
  Secret secret;
  std::memcpy(secret.bytes_.data(), bytes.data(), kSize);
  return secret;
}

Secret::~Secret() { wipe(bytes_); }

void wipe(MutableBytes bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }

}  // namespace vortex::net
