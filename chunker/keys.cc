#include "chunker/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string>

#include "base/check.h"
#include "base/hash.h"
#include "chunker/aead.h"

namespace vortex::chunker {
namespace {

// What a new key costs. Less is not accepted either: who could write an origin could make the next wrapping weak.
constexpr std::uint8_t kScryptLogN = 15, kScryptR = 8, kScryptP = 1;
// What an origin may ask for: 8 times the memory, 32 times the time of a new key.
constexpr std::uint8_t kScryptLogNMax = 17, kScryptRMax = 16, kScryptPMax = 4;
// scrypt needs 128 × N × r bytes and a little.
constexpr std::uint64_t kScryptMemoryMax =
    (std::uint64_t(128) << kScryptLogNMax) * kScryptRMax + (std::uint64_t(1) << 20);
constexpr std::string_view kWrapLabel = "vortex wrap 1";

ByteVector bound_bytes(const WrappedKey& wrapped) {
  ByteVector bound;
  Encoder encoder(bound);
  encoder(wrapped.version, wrapped.origin);
  return bound;
}

}  // namespace

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

SecretKey SecretKey::generate(Random& random) {
  SecretKey key;
  random.fill(key.bytes_);
  return key;
}

SecretKey SecretKey::derive(std::string_view label, ByteView salt) const {
  ByteVector message = to_vector(vortex::as_bytes(label));
  message.push_back(0);
  message.insert(message.end(), salt.begin(), salt.end());
  Id derived = hmac_sha256(bytes_, message);
  SecretKey key(derived.bytes);
  OPENSSL_cleanse(derived.bytes.data(), derived.bytes.size());
  return key;
}

Result<UserKey> UserKey::from_passphrase(std::string_view passphrase, Random& random) {
  KeyOrigin origin{KeySource::passphrase, kScryptLogN, kScryptR, kScryptP, {}};
  random.fill(origin.salt);
  return from_passphrase(passphrase, origin);
}

Result<UserKey> UserKey::from_passphrase(std::string_view passphrase, const KeyOrigin& origin) {
  if (passphrase.empty()) return Error(Code::invalid_argument, "the passphrase is empty");
  if (origin.source != KeySource::passphrase)
    return Error(Code::permission_denied, "this was sealed with a key file, not with a passphrase");
  if (origin.scrypt_log_n < kScryptLogN || origin.scrypt_r < kScryptR || origin.scrypt_p < kScryptP)
    return Error(Code::unsupported, "the passphrase was stretched too little to be safe");
  // The origin comes from elsewhere: it must not make us work for hours or use up the memory.
  if (origin.scrypt_log_n > kScryptLogNMax || origin.scrypt_r > kScryptRMax || origin.scrypt_p > kScryptPMax)
    return Error(Code::unsupported, "the passphrase was stretched at a cost that this version refuses");
  std::array<std::uint8_t, SecretKey::kSize> bytes{};
  int done = EVP_PBE_scrypt(passphrase.data(), passphrase.size(), origin.salt.data(), origin.salt.size(),
                            std::uint64_t(1) << origin.scrypt_log_n, origin.scrypt_r, origin.scrypt_p, kScryptMemoryMax,
                            bytes.data(), bytes.size());
  if (done != 1) return Error(Code::failed, "scrypt found no memory");
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return UserKey(key, origin);
}

Result<UserKey> UserKey::from_key_file(ByteView content) {
  std::array<std::uint8_t, SecretKey::kSize> bytes{};
  std::string_view text = as_text(content);
  if (text.size() == 2 * bytes.size() + 1 && text.back() == '\n') text.remove_suffix(1);
  if (content.size() == bytes.size()) {
    std::memcpy(bytes.data(), content.data(), bytes.size());
  } else if (!from_hex(text, bytes)) {
    return Error(Code::invalid_argument, "a key file holds 32 bytes or 64 hexadecimal digits");
  }
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return UserKey(key, KeyOrigin());
}

WrappedKey wrap(const SecretKey& file_key, const UserKey& user_key, Random& random) {
  WrappedKey wrapped;
  wrapped.origin = user_key.origin();
  random.fill(wrapped.salt);
  aead_seal(user_key.key().derive(kWrapLabel, wrapped.salt), Nonce(), bound_bytes(wrapped), file_key.bytes(),
            wrapped.key, wrapped.tag);
  return wrapped;
}

Result<SecretKey> unwrap(const WrappedKey& wrapped, const UserKey& user_key) {
  if (wrapped.version != WrappedKey::kVersion)
    return Error(Code::unsupported_version, "key wrapped in form " + std::to_string(wrapped.version));
  std::array<std::uint8_t, SecretKey::kSize> bytes{};
  if (!aead_open(user_key.key().derive(kWrapLabel, wrapped.salt), Nonce(), bound_bytes(wrapped), wrapped.key,
                 wrapped.tag, bytes))
    return Error(Code::permission_denied, "wrong key");
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

Result<WrappedKey> rewrap(const WrappedKey& wrapped, const UserKey& from, const UserKey& to, Random& random) {
  ASSIGN_OR_RETURN(SecretKey file_key, unwrap(wrapped, from));
  return wrap(file_key, to, random);
}

}  // namespace vortex::chunker
