// XXH3 finds accidents (frames, records, reads); SHA-256 names things. Both are safe to call from any thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/id.h"

namespace vortex {

std::uint64_t xxh3(ByteView bytes);
std::uint64_t xxh3(ByteView bytes, std::uint64_t seed);

// XXH3 over bytes that come in pieces.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(Xxh3&&) noexcept;
  Xxh3& operator=(Xxh3&&) noexcept;
  void update(ByteView bytes);
  std::uint64_t digest() const;
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Id sha256(ByteView bytes);
// HMAC-SHA-256.
Id hmac_sha256(ByteView key, ByteView message);

// SHA-256 over bytes that come in pieces. finish() resets it.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(ByteView bytes);
  Id finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vortex
