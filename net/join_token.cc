#include "net/join_token.h"

#include <cctype>

#include "base/check.h"
#include "base/hash.h"
#include "net/base32.h"

namespace vortex::net {

namespace {
constexpr std::string_view kName = "vxjoin";
constexpr std::string_view kPrefix = "vxjoin1";  // the name and the version of what follows
constexpr std::size_t kChecksumSize = 4;
constexpr std::size_t kTextMax = 8192;

ByteVector checksum(ByteView fields) {
  ByteVector summed = to_vector(as_bytes(kPrefix));
  summed.insert(summed.end(), fields.begin(), fields.end());
  Id sum = sha256(summed);
  wipe(summed);
  return to_vector(ByteView(sum.bytes).first(kChecksumSize));
}

Error bad(const char* what) { return Error(Code::invalid_argument, what); }

std::string without_spaces(std::string_view text) {
  std::string out;
  for (char c : text)
    if (std::isspace(static_cast<unsigned char>(c)) == 0) out += c;
  return out;
}
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
  ByteVector sum = checksum(bytes);
  bytes.insert(bytes.end(), sum.begin(), sum.end());
  std::string text = std::string(kPrefix) + to_base32(bytes);
  wipe(bytes);
  return text;
}

Result<JoinToken> JoinToken::parse(std::string_view text) {
  if (text.size() > kTextMax) return bad("not a join token: it is far too long");
  std::string word = without_spaces(text);
  if (word.empty()) return bad("the join token is empty");
  if (!word.starts_with(kName)) return bad("not a join token: one begins with \"vxjoin\"");
  if (!word.starts_with(kPrefix)) return bad("the join token is of another version of the program");
  auto bytes = from_base32(std::string_view(word).substr(kPrefix.size()));
  if (!bytes || bytes->size() < kChecksumSize) return bad("the join token is cut short or mistyped");
  ByteView fields = ByteView(*bytes).first(bytes->size() - kChecksumSize);
  if (!equal(checksum(fields), ByteView(*bytes).subspan(fields.size())))
    return bad("the join token is cut short or mistyped: its checksum is wrong");
  auto token = decode<JoinToken>(fields);
  bool possible = token.ok() && !token->addresses.empty() && token->addresses.size() <= kAddressesMax;
  if (possible)
    for (const Address& address : token->addresses)
      if (address.host.empty() || address.host.size() > kHelloHostMax || address.port == 0) possible = false;
  if (!possible) return bad("the join token makes no sense, though its checksum is right");
  return token;
}

}  // namespace vortex::net
