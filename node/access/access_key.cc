#include "node/access/access_key.h"

#include "base/hash.h"
#include "net/secret_word.h"

namespace vortex::node {

namespace {
constexpr net::SecretWord kWord{"vxkey", '1', "access key"};
}  // namespace

std::string AccessKeyText::id_of(const net::Secret& secret) {
  Id id = hmac_sha256(secret.view(), as_bytes("vortex access key id"));
  return to_hex(ByteView(id.bytes).first(16));
}

net::Presented AccessKeyText::present() const {
  net::Presented presented;
  presented.proves = net::Proves::access_key;
  presented.credential = id();
  presented.secret = secret;
  presented.cluster = cluster;
  return presented;
}

std::string AccessKeyText::to_text() const {
  ByteVector bytes = encode(*this);
  std::string text = kWord.to_text(bytes);
  net::wipe(bytes);
  return text;
}

Result<AccessKeyText> AccessKeyText::parse(std::string_view text) {
  ASSIGN_OR_RETURN(ByteVector fields, kWord.parse(text));
  auto key = decode<AccessKeyText>(fields);
  if (!key.ok()) return Error(Code::invalid_argument, "the access key makes no sense, though its checksum is right");
  return key;
}

}  // namespace vortex::node
