#include "net/tls_records.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include <string_view>

#include "base/check.h"
#include "net/secret.h"

namespace vortex::net {

namespace {
constexpr std::size_t kSecretSha256 = 32;

constexpr std::uint8_t kCloseNotify = 0, kUserCanceled = 90;    // alerts
constexpr std::uint8_t kNewSessionTicket = 4, kKeyUpdate = 24;  // messages after the handshake
constexpr std::size_t kMessageHeader = 4;                       // type and length

struct TlsSuite {
  const EVP_CIPHER* cipher;
  const EVP_MD* hash;
  std::size_t key_size;
};

TlsSuite suite_of(const TlsSecret& secret) {
  if (secret.size == kSecretSha256) return TlsSuite{EVP_aes_128_gcm(), EVP_sha256(), 16};
  return TlsSuite{EVP_aes_256_gcm(), EVP_sha384(), 32};
}

// HKDF-Expand-Label with an empty context (RFC 8446, 7.1). All that is asked for fits one block of HKDF.
void expand_label(const TlsSecret& secret, std::string_view label, MutableBytes out) {
  const EVP_MD* hash = suite_of(secret).hash;
  CHECK(out.size() <= secret.size);
  std::string_view prefix = "tls13 ";
  ByteVector info = {0, static_cast<std::uint8_t>(out.size()), static_cast<std::uint8_t>(prefix.size() + label.size())};
  info.insert(info.end(), prefix.begin(), prefix.end());
  info.insert(info.end(), label.begin(), label.end());
  info.push_back(0);  // length of the context
  info.push_back(1);  // number of the block
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> block;
  unsigned size = 0;
  const void* key = secret.bytes.data();
  CHECK(HMAC(hash, key, static_cast<int>(secret.size), info.data(), info.size(), block.data(), &size) != nullptr);
  std::memcpy(out.data(), block.data(), out.size());
  wipe(block);
}

std::array<std::uint8_t, kTlsHeader> record_header(std::size_t sealed) {
  return {static_cast<std::uint8_t>(TlsContent::data), 3, 3, static_cast<std::uint8_t>(sealed >> 8),
          static_cast<std::uint8_t>(sealed)};
}
}  // namespace

TlsSecret::~TlsSecret() { wipe(bytes); }

void TlsKey::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

TlsKey::TlsKey(Use use, const TlsSecret& secret) : use_(use), secret_(secret), context_(EVP_CIPHER_CTX_new()) {
  CHECK(context_ && secret.size > 0);
  derive();
}
TlsKey::~TlsKey() = default;
TlsKey::TlsKey(TlsKey&&) noexcept = default;

void TlsKey::derive() {
  TlsSuite suite = suite_of(secret_);
  std::array<std::uint8_t, 32> key;
  MutableBytes used = MutableBytes(key).first(suite.key_size);
  expand_label(secret_, "key", used);
  expand_label(secret_, "iv", iv_);
  int sealing = use_ == Use::seal ? 1 : 0;
  CHECK(EVP_CipherInit_ex(context_.get(), suite.cipher, nullptr, key.data(), iv_.data(), sealing) == 1);
  wipe(key);
  sequence_ = 0;
}

void TlsKey::renew() {
  TlsSecret next;
  next.size = secret_.size;
  expand_label(secret_, "traffic upd", MutableBytes(next.bytes).first(next.size));
  secret_ = next;
  derive();
}

std::array<std::uint8_t, 12> TlsKey::next_nonce() {
  std::array<std::uint8_t, 12> nonce = iv_;
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] ^= static_cast<std::uint8_t>(sequence_ >> (56 - 8 * i));
  ++sequence_;
  CHECK(sequence_ != 0);
  return nonce;
}

void TlsKey::begin(ByteView header) {
  std::array<std::uint8_t, 12> nonce = next_nonce();
  CHECK(EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), -1) == 1);
  int size = 0;
  CHECK(EVP_CipherUpdate(context_.get(), nullptr, &size, header.data(), static_cast<int>(header.size())) == 1);
}

std::uint8_t* TlsKey::update(ByteView from, std::uint8_t* out) {
  if (from.empty()) return out;
  int size = 0;
  CHECK(EVP_CipherUpdate(context_.get(), out, &size, from.data(), static_cast<int>(from.size())) == 1);
  CHECK(static_cast<std::size_t>(size) == from.size());
  return out + size;
}

std::size_t TlsKey::seal(TlsContent content, std::span<const ByteView> pieces, std::uint8_t* out) {
  std::size_t plain = 0;
  for (ByteView piece : pieces) plain += piece.size();
  CHECK(use_ == Use::seal && plain <= kTlsPlainMax);
  auto header = record_header(plain + 1 + kTlsTag);
  std::memcpy(out, header.data(), header.size());
  begin(header);
  std::uint8_t* at = out + header.size();
  for (ByteView piece : pieces) at = update(piece, at);
  auto type = static_cast<std::uint8_t>(content);
  at = update(ByteView(&type, 1), at);
  int none = 0;
  CHECK(EVP_CipherFinal_ex(context_.get(), at, &none) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTlsTag, at) == 1);
  return plain + kTlsOverhead;
}

Result<TlsKey::Opened> TlsKey::open(ByteView record, std::uint8_t* into) {
  CHECK(use_ == Use::open && record.size() > kTlsHeader + kTlsTag);
  begin(record.first(kTlsHeader));
  std::size_t size = record.size() - kTlsHeader - kTlsTag;
  update(record.subspan(kTlsHeader, size), into);
  // OpenSSL wants it writable and does not write.
  std::array<std::uint8_t, kTlsTag> tag;
  std::memcpy(tag.data(), record.data() + record.size() - kTlsTag, kTlsTag);
  CHECK(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTlsTag, tag.data()) == 1);
  int none = 0;
  if (EVP_CipherFinal_ex(context_.get(), into + size, &none) != 1) {
    wipe(MutableBytes(into, size));
    return Error(Code::bad_message, "TLS: a record was changed on its way");
  }
  // Behind the contents stands their type, and zeros behind that.
  while (size > 0 && into[size - 1] == 0) --size;
  if (size == 0) return Error(Code::bad_message, "TLS: a record without a type");
  auto content = static_cast<TlsContent>(into[--size]);
  if (size > kTlsPlainMax) return Error(Code::bad_message, "TLS: too long a record");
  return Opened{content, size};
}

Result<std::size_t> tls_record_size(ByteView bytes) {
  if (bytes.size() < kTlsHeader) return std::size_t(0);
  if (bytes[0] != static_cast<std::uint8_t>(TlsContent::data) || bytes[1] != 3 || bytes[2] != 3)
    return Error(Code::bad_message, "TLS: not a record that may come after the handshake");
  std::size_t size = kTlsHeader + std::size_t(bytes[3]) * 256 + bytes[4];
  if (size > kTlsRecordMax || size <= kTlsHeader + kTlsTag)
    return Error(Code::bad_message, "TLS: a record of impossible length");
  return size;
}

Result<TlsNotice> parse_tls_notice(TlsContent content, ByteView bytes) {
  TlsNotice notice;
  if (content == TlsContent::alert && bytes.size() == 2) {
    notice.end = bytes[1] == kCloseNotify;
    if (notice.end || bytes[1] == kUserCanceled) return notice;
    return Error(Code::bad_message, std::string("TLS: the peer says: ") + SSL_alert_desc_string_long(bytes[1]));
  }
  while (content == TlsContent::handshake && bytes.size() >= kMessageHeader) {
    std::size_t size = std::size_t(bytes[1]) << 16 | std::size_t(bytes[2]) << 8 | bytes[3];
    if (bytes.size() - kMessageHeader < size) break;
    ByteView body = bytes.subspan(kMessageHeader, size);
    std::uint8_t type = bytes[0];
    bytes = bytes.subspan(kMessageHeader + size);
    // The key changes behind an update: nothing else may stand there.
    notice.key_update = type == kKeyUpdate && size == 1 && body[0] <= 1 && bytes.empty();
    notice.update_requested = notice.key_update && body[0] == 1;
    // Tickets are not for us.
    if (!notice.key_update && type != kNewSessionTicket) break;
    if (bytes.empty()) return notice;
  }
  return Error(Code::bad_message, "TLS: unexpected message");
}

}  // namespace vortex::net
