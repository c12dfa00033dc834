#include "node/files/receipt.h"

#include <algorithm>

#include "base/hash.h"

namespace vortex::node {

ReceiptSealer::ReceiptSealer(ByteView secret) : key_(hmac_sha256(secret, as_bytes("vortex receipt 1"))) {}

std::array<std::uint8_t, 16> ReceiptSealer::seal_of(const Receipt& receipt) const {
  Receipt unsealed = receipt;
  unsealed.seal.fill(0);
  const Id mac = hmac_sha256(key_.bytes, encode(unsealed));
  std::array<std::uint8_t, 16> seal{};
  std::copy_n(mac.bytes.begin(), seal.size(), seal.begin());
  return seal;
}

void ReceiptSealer::seal(Receipt& receipt) const { receipt.seal = seal_of(receipt); }

bool ReceiptSealer::sealed(const Receipt& receipt) const { return equal_constant_time(seal_of(receipt), receipt.seal); }

}  // namespace vortex::node
