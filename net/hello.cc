#include "net/hello.h"

#include <algorithm>

#include "base/check.h"
#include "base/endian.h"
#include "base/hash.h"
#include "net/reported_error.h"

namespace vortex::net {

namespace {
constexpr std::string_view kTranscriptLabel = "vortex handshake 1";
constexpr std::string_view kInitiatorLabel = "vortex handshake proof of the initiator";
constexpr std::string_view kAcceptorLabel = "vortex handshake proof of the acceptor";

bool within(const Address& address) { return address.host.size() <= kHelloHostMax; }
bool range(std::uint16_t low, std::uint16_t high) { return low > 0 && low <= high; }

bool valid(const Hello& hello) {
  bool named = hello.proves == Proves::access_key || hello.proves == Proves::join_token;
  return range(hello.version_min, hello.version_max) && within(hello.address) && named != hello.credential.empty() &&
         hello.credential.size() <= kCredentialNameMax && hello.extensions.size() <= kHelloExtensionsMax;
}
bool valid(const Answer& answer) {
  return range(answer.version_min, answer.version_max) && within(answer.address) &&
         answer.extensions.size() <= kHelloExtensionsMax;
}
bool valid(const Proof& proof) { return !proof.keyed.empty() && proof.keyed.size() <= kClusterKeysMax; }
bool valid(const Welcome&) { return true; }
bool valid(const Refusal& refusal) { return refusal.message.size() <= kRefusalTextMax; }
}  // namespace

Role role_of(Proves proves) {
  switch (proves) {
    case Proves::cluster_secret:
      return Role::member;
    case Proves::access_key:
      return Role::client;
    case Proves::join_token:
    case Proves::identity:
      return Role::joiner;
  }
  return Role::stranger;
}

template <class Message>
ByteVector make_hello(const Message& message) {
  CHECK(valid(message));
  ByteVector body = encode(message);
  CHECK(body.size() <= kHelloBodyMax);
  ByteVector out(kHelloHeaderSize);
  store_le(out.data(), kHelloMagic);
  out[4] = static_cast<std::uint8_t>(Message::kKind);
  out[5] = 0;
  store_le(out.data() + 6, static_cast<std::uint16_t>(body.size()));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}
template ByteVector make_hello(const Hello&);
template ByteVector make_hello(const Answer&);
template ByteVector make_hello(const Proof&);
template ByteVector make_hello(const Welcome&);
template ByteVector make_hello(const Refusal&);

Result<HelloHeader> parse_hello_header(ByteView header) {
  CHECK(header.size() == kHelloHeaderSize);
  if (load_le<std::uint32_t>(header.data()) != kHelloMagic)
    return Error(Code::bad_message, "the other side does not speak this protocol");
  HelloHeader parsed;
  if (header[4] < static_cast<std::uint8_t>(HelloKind::hello) ||
      header[4] > static_cast<std::uint8_t>(HelloKind::refusal) || header[5] != 0)
    return Error(Code::bad_message, "handshake: unknown kind of message");
  parsed.kind = static_cast<HelloKind>(header[4]);
  parsed.length = load_le<std::uint16_t>(header.data() + 6);
  if (parsed.length > kHelloBodyMax) return Error(Code::too_large, "handshake: message over the limit");
  return parsed;
}

template <class Message>
Result<Message> parse_hello(ByteView body) {
  auto message = decode<Message>(body);
  if (!message.ok()) return std::move(message).error().in("handshake");
  if (!valid(*message)) return Error(Code::bad_message, "handshake: impossible fields");
  return message;
}
template Result<Hello> parse_hello(ByteView);
template Result<Answer> parse_hello(ByteView);
template Result<Proof> parse_hello(ByteView);
template Result<Welcome> parse_hello(ByteView);
template Result<Refusal> parse_hello(ByteView);

Refusal make_refusal(const Error& error) {
  Refusal refusal;
  refusal.code = static_cast<std::uint16_t>(error.code());
  refusal.retry_after_ms = error.retry_after_ms();
  refusal.message = std::string(error.message().substr(0, kRefusalTextMax));
  return refusal;
}

Error to_error(const Refusal& refusal) {
  std::string text = "refused: " + refusal.message.substr(0, kRefusalTextMax);
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return reported_error(refusal.code, refusal.retry_after_ms, std::move(text));
}

std::optional<std::uint16_t> common_version(std::uint16_t min_a, std::uint16_t max_a, std::uint16_t min_b,
                                            std::uint16_t max_b) {
  std::uint16_t version = std::min(max_a, max_b);
  if (version < std::max(min_a, min_b)) return std::nullopt;
  return version;
}

Transcript::Transcript(const std::optional<Id>& binding) {
  add(as_bytes(kTranscriptLabel));
  said_.push_back(binding ? 1 : 0);
  add(binding.value_or(Id()).bytes);
}

void Transcript::add(ByteView message) { said_.insert(said_.end(), message.begin(), message.end()); }

ByteVector Transcript::statement(Side side) const {
  ByteVector statement = to_vector(as_bytes(side == Side::initiator ? kInitiatorLabel : kAcceptorLabel));
  Id hash = sha256(said_);
  statement.insert(statement.end(), hash.bytes.begin(), hash.bytes.end());
  return statement;
}

Mac Transcript::mac(Side side, ByteView key) const { return hmac_sha256(key, statement(side)); }

Signature Transcript::sign(Side side, const Identity& identity) const { return identity.sign(statement(side)); }

bool Transcript::verify(Side side, const PublicKey& key, const Signature& signature) const {
  return verify_signature(key, statement(side), signature);
}

}  // namespace vortex::net
