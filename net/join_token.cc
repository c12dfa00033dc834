#include "net/join_token.h"

#include "base/check.h"
#include "base/hash.h"
#include "net/secret_word.h"

namespace vortex::net {

namespace {
constexpr SecretWord kWord{"vxjoin", '1', "join token"};
}  // namespace

std::string JoinToken::id_of(const Secret& secret) {
  Id id = hmac_sha256(secret.view(), as_bytes("vortex join token id"));
  return to_hex(ByteView(id.bytes).first(16));
}

Presented JoinToken::present() const {
  Presented presented;
  presented.proves = Proves::join_token;
  presented.credential = id();
  presented.secret = secret;
  presented.cluster = cluster;
  return presented;
}

std::string JoinToken::to_text() const {
  CHECK(!addresses.empty() && addresses.size() <= kAddressesMax);
  ByteVector bytes = encode(*this);
  std::string text = kWord.to_text(bytes);
  wipe(bytes);
  return text;
}

Result<JoinToken> JoinToken::parse(std::string_view text) {
  ASSIGN_OR_RETURN(ByteVector fields, kWord.parse(text));
  auto token = decode<JoinToken>(fields);
  bool possible = token.ok() && !token->addresses.empty() && token->addresses.size() <= kAddressesMax;
  if (possible)
    for (const Address& address : token->addresses)
      if (address.host.empty() || address.host.size() > kHelloHostMax || address.port == 0) possible = false;
  if (!possible) return Error(Code::invalid_argument, "the join token makes no sense, though its checksum is right");
  return token;
}

}  // namespace vortex::net
