// 256 bits that must not leak: wiped when they go, compared in constant time, never printed.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/random.h"

namespace vortex::net {

class Secret {
 public:
  static constexpr std::size_t kSize = 32;

  Secret() = default;
  static Secret random(Random& random);
  // Nothing unless there are exactly 32 bytes.
  static std::optional<Secret> from_bytes(ByteView bytes);
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret();

  ByteView view() const { return bytes_; }
  bool operator==(const Secret& other) const { return equal_constant_time(bytes_, other.bytes_); }

  VORTEX_FIELDS(bytes_)

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

// Overwrites memory in a way that the compiler keeps.
void wipe(MutableBytes bytes);

}  // namespace vortex::net
