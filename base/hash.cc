#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <xxh_x86dispatch.h>

#include "base/check.h"

namespace vortex {

std::uint64_t xxh3(ByteView bytes) { return XXH3_64bits_dispatch(bytes.data(), bytes.size()); }
std::uint64_t xxh3(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed_dispatch(bytes.data(), bytes.size(), seed);
}

struct Xxh3::State {
  XXH3_state_t* state = XXH3_createState();
  State() { CHECK(state != nullptr); }
  ~State() { XXH3_freeState(state); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) { reset(); }
Xxh3::~Xxh3() = default;
Xxh3::Xxh3(Xxh3&&) noexcept = default;
Xxh3& Xxh3::operator=(Xxh3&&) noexcept = default;
void Xxh3::update(ByteView bytes) { XXH3_64bits_update_dispatch(state_->state, bytes.data(), bytes.size()); }
std::uint64_t Xxh3::digest() const { return XXH3_64bits_digest(state_->state); }
void Xxh3::reset() { XXH3_64bits_reset(state_->state); }

namespace {
// Fetched once: looking the algorithm up costs more than hashing a small message.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(algorithm != nullptr);
  return algorithm;
}
}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { start(); }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  void start() { CHECK(EVP_DigestInit_ex2(context, sha256_algorithm(), nullptr) == 1); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(ByteView bytes) { CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1); }

Id Sha256::finish() {
  Id id;
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(state_->context, id.bytes.data(), &size) == 1 && size == Id::kSize);
  state_->start();
  return id;
}

Id sha256(ByteView bytes) {
  thread_local Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Id hmac_sha256(ByteView key, ByteView message) {
  Id id;
  unsigned size = 0;
  CHECK(HMAC(sha256_algorithm(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
             id.bytes.data(), &size) != nullptr);
  CHECK(size == Id::kSize);
  return id;
}

}  // namespace vortex
