// What two ends say to each other before the first frame: who they are and the proof of it. Layout, order and proofs
// are described in README.md; this part of the protocol is the same in all versions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/network.h"
#include "net/identity.h"
#include "net/secure.h"

namespace vortex::net {

inline constexpr std::uint32_t kHelloMagic = 0x484e5856;  // "VXNH" on the wire
inline constexpr std::size_t kHelloHeaderSize = 8;        // magic, kind, a zero byte, length (2 bytes)
inline constexpr std::size_t kHelloBodyMax = 2048;
inline constexpr std::size_t kCredentialNameMax = 64;
inline constexpr std::size_t kHelloHostMax = 255;
inline constexpr std::size_t kHelloExtensionsMax = 512;
inline constexpr std::size_t kRefusalTextMax = 256;
inline constexpr std::size_t kClusterKeysMax = 2;  // the present one and, while it is being replaced, the one before

enum class HelloKind : std::uint8_t { hello = 1, answer = 2, proof = 3, welcome = 4, refusal = 5 };

// What the connecting side will prove.
enum class Proves : std::uint8_t {
  cluster_secret,  // a member
  access_key,      // a client
  join_token,      // a joiner
  identity,        // a member that missed the replacement of the cluster secret and comes to fetch it
};
constexpr Proves max_enum_value(Proves) { return Proves::identity; }
Role role_of(Proves proves);
// These hand over or fetch the cluster secret, so nobody may listen.
constexpr bool needs_encryption(Proves proves) { return proves == Proves::join_token || proves == Proves::identity; }
constexpr bool needs_identity(Proves proves) { return proves != Proves::access_key; }

using Nonce = std::array<std::uint8_t, 32>;
using Mac = Id;

// The connecting side's first message.
struct Hello {
  static constexpr HelloKind kKind = HelloKind::hello;
  std::uint16_t version_min = 0;
  std::uint16_t version_max = 0;
  ClusterId cluster;  // zero from a client that does not know it
  Proves proves = Proves::cluster_secret;
  Purpose purpose = Purpose::control;
  std::string credential;  // name of the access key or join token
  PublicKey public_key{};  // zero: no identity
  std::uint64_t boot_epoch = 0;
  Address address;  // where this end listens; empty when it does not
  Nonce nonce{};
  ByteVector extensions;  // of later versions; not understood, but covered by the proofs
  VORTEX_FIELDS(version_min, version_max, cluster, proves, purpose, credential, public_key, boot_epoch, address, nonce,
                extensions)
};

// The accepting side's first message. It is always a member.
struct Answer {
  static constexpr HelloKind kKind = HelloKind::answer;
  std::uint16_t version_min = 0;
  std::uint16_t version_max = 0;
  ClusterId cluster;
  PublicKey public_key{};
  std::uint64_t boot_epoch = 0;
  Address address;
  Nonce nonce{};
  ByteVector extensions;
  VORTEX_FIELDS(version_min, version_max, cluster, public_key, boot_epoch, address, nonce, extensions)
};

// A proof with one key. `epoch` counts the replacements of the cluster secret; 0 for other keys.
struct KeyedProof {
  std::uint32_t epoch = 0;
  Mac mac;
  VORTEX_FIELDS(epoch, mac)
};

struct Proof {
  static constexpr HelloKind kKind = HelloKind::proof;
  std::vector<KeyedProof> keyed;       // one for each key this end holds for its role, newest first
  std::optional<Signature> signature;  // with its identity, where TLS has not proven that
  VORTEX_FIELDS(keyed, signature)
};

// The accepting side's proof; with it the connection is open.
struct Welcome {
  static constexpr HelloKind kKind = HelloKind::welcome;
  KeyedProof keyed;
  std::optional<Signature> signature;
  VORTEX_FIELDS(keyed, signature)
};

// In place of an answer or a welcome: the last message.
struct Refusal {
  static constexpr HelloKind kKind = HelloKind::refusal;
  std::uint16_t code = 0;
  std::uint32_t retry_after_ms = 0;
  std::string message;
  VORTEX_FIELDS(code, retry_after_ms, message)
};

// Header and body. The fields keep their limits (what is too long is a defect).
template <class Message>
ByteVector make_hello(const Message& message);
extern template ByteVector make_hello(const Hello&);
extern template ByteVector make_hello(const Answer&);
extern template ByteVector make_hello(const Proof&);
extern template ByteVector make_hello(const Welcome&);
extern template ByteVector make_hello(const Refusal&);

struct HelloHeader {
  HelloKind kind = HelloKind::hello;
  std::uint16_t length = 0;
};
Result<HelloHeader> parse_hello_header(ByteView header);

// Reads and checks one message. `bad_message` when it is not well-formed or breaks a limit.
template <class Message>
Result<Message> parse_hello(ByteView body);
extern template Result<Hello> parse_hello(ByteView);
extern template Result<Answer> parse_hello(ByteView);
extern template Result<Proof> parse_hello(ByteView);
extern template Result<Welcome> parse_hello(ByteView);
extern template Result<Refusal> parse_hello(ByteView);

Refusal make_refusal(const Error& error);
// As the error of the side that was refused. Text from a stranger: cut, and only printable characters.
Error to_error(const Refusal& refusal);

// The highest version that both ranges hold, or nothing.
std::optional<std::uint16_t> common_version(std::uint16_t min_a, std::uint16_t max_a, std::uint16_t min_b,
                                            std::uint16_t max_b);

// Everything that was said so far, and proofs over it. Both ends keep one; they are equal or the proofs fail.
class Transcript {
 public:
  enum class Side : std::uint8_t { initiator, acceptor };

  // With the channel binding of TLS; without one (plain) the nonces alone make the transcript unique.
  explicit Transcript(const std::optional<Id>& binding);
  void add(ByteView message);

  // A proof names its side, so that it cannot be sent back to the one who made it.
  Mac mac(Side side, ByteView key) const;
  Signature sign(Side side, const Identity& identity) const;
  bool verify(Side side, const PublicKey& key, const Signature& signature) const;

 private:
  ByteVector statement(Side side) const;
  ByteVector said_;
};

}  // namespace vortex::net
