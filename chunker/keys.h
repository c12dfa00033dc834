// Keys: one for each file, wrapped by one that the user holds. Members keep only the wrapped form.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/codec.h"
#include "base/random.h"
#include "base/result.h"

namespace vortex::chunker {

// 256 secret bits, wiped from memory when they go.
class SecretKey {
 public:
  static constexpr std::size_t kSize = 32;
  SecretKey() = default;
  explicit SecretKey(const std::array<std::uint8_t, kSize>& bytes) : bytes_(bytes) {}
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();

  static SecretKey generate(Random& random);
  // An independent key for one purpose: HMAC-SHA-256 of the label and the salt.
  SecretKey derive(std::string_view label, ByteView salt) const;
  ByteView bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

enum class KeySource : std::uint8_t { key_file = 0, passphrase = 1 };
constexpr KeySource max_enum_value(KeySource) { return KeySource::passphrase; }

// How a user's key is made again from a passphrase. Zeros for a key file.
struct KeyOrigin {
  static constexpr std::size_t kSaltSize = 16;
  KeySource source = KeySource::key_file;
  std::uint8_t scrypt_log_n = 0;
  std::uint8_t scrypt_r = 0;
  std::uint8_t scrypt_p = 0;
  std::array<std::uint8_t, kSaltSize> salt{};

  bool operator==(const KeyOrigin&) const = default;
  VORTEX_FIELDS(source, scrypt_log_n, scrypt_r, scrypt_p, salt)
};

// The key a user holds. Making one from a passphrase takes about 60 ms and 32 MiB on purpose; keep it.
class UserKey {
 public:
  // A new salt: for wrapping. The passphrase must not be empty.
  static Result<UserKey> from_passphrase(std::string_view passphrase, Random& random);
  // The key that `origin` was made with: for unwrapping. `unsupported` for costs below
  // those of a new key and far above them.
  static Result<UserKey> from_passphrase(std::string_view passphrase, const KeyOrigin& origin);
  // 32 raw bytes, or 64 hexadecimal digits and perhaps a line feed.
  static Result<UserKey> from_key_file(ByteView content);

  const KeyOrigin& origin() const { return origin_; }
  const SecretKey& key() const { return key_; }

 private:
  UserKey(const SecretKey& key, const KeyOrigin& origin) : key_(key), origin_(origin) {}
  SecretKey key_;
  KeyOrigin origin_;
};

// A file's key under a user's key; not secret. It stands in the file's manifest.
struct WrappedKey {
  static constexpr std::uint8_t kVersion = 1;
  std::uint8_t version = kVersion;
  KeyOrigin origin;
  std::array<std::uint8_t, 32> salt{};  // the user's key is used through a key derived by it, never twice
  std::array<std::uint8_t, 32> key{};
  std::array<std::uint8_t, 16> tag{};

  bool operator==(const WrappedKey&) const = default;
  VORTEX_FIELDS(version, origin, salt, key, tag)
};

WrappedKey wrap(const SecretKey& file_key, const UserKey& user_key, Random& random);
// `permission_denied` when this is not the user's key (or the wrapped form was changed).
Result<SecretKey> unwrap(const WrappedKey& wrapped, const UserKey& user_key);
// Key rotation: the same file key under another user's key. No chunk changes.
Result<WrappedKey> rewrap(const WrappedKey& wrapped, const UserKey& from, const UserKey& to, Random& random);

}  // namespace vortex::chunker
