#include "node/files/receipt.h"

#include <algorithm>

#include "base/hash.h"

namespace vortex::node {

Id ReceiptSealer::key_of(ByteView secret) { return hmac_sha256(secret, as_bytes("vortex receipt 1")); }

ReceiptSealer::ReceiptSealer(ByteView secret) : keys_([key = key_of(secret)] { return std::vector<Id>{key}; }) {}

std::array<std::uint8_t, 16> ReceiptSealer::seal_of(const Receipt& receipt, const Id& key) {
  Receipt unsealed = receipt;
  unsealed.seal.fill(0);
  const Id mac = hmac_sha256(key.bytes, encode(unsealed));
  std::array<std::uint8_t, 16> seal{};
  std::copy_n(mac.bytes.begin(), seal.size(), seal.begin());
  return seal;
}

void ReceiptSealer::seal(Receipt& receipt) const {
  std::vector<Id> keys = keys_();
  CHECK(!keys.empty());
  receipt.seal = seal_of(receipt, keys.front());
}

bool ReceiptSealer::sealed(const Receipt& receipt) const {
  auto fits = [&receipt](const Id& key) { return equal_constant_time(seal_of(receipt, key), receipt.seal); };
  return std::ranges::any_of(keys_(), fits);
}

}  // namespace vortex::node
