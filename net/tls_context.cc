#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/check.h"

namespace vortex::net {

namespace {
constexpr long kCertificateBytesMax = 2048;

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

// No dates and no authority: the key is the name. The validity is that of all time (RFC 5280, 4.1.2.5).
Certificate self_signed(const Identity& identity) {
  Certificate certificate(X509_new());
  CHECK(certificate);
  CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  CHECK(ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1) == 1);
  CHECK(ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "19700101000000Z") == 1);
  CHECK(ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), "99991231235959Z") == 1);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  std::string text = identity.id().hex();
  const auto* common_name = reinterpret_cast<const unsigned char*>(text.data());
  CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, static_cast<int>(text.size()), -1, 0) == 1);
  CHECK(X509_set_issuer_name(certificate.get(), name) == 1);
  CHECK(X509_set_pubkey(certificate.get(), identity.key()) == 1);
  CHECK(X509_sign(certificate.get(), identity.key(), nullptr) > 0);
  return certificate;
}

// The id that the certificate proves, or nothing and the reason.
std::optional<NodeId> proven_id(X509* certificate, std::string& refusal) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    refusal = "the peer's certificate holds no Ed25519 key";
    return std::nullopt;
  }
  if (X509_verify(certificate, key) != 1) {
    refusal = "the peer's certificate is not signed by its own key";
    return std::nullopt;
  }
  PublicKey raw;
  std::size_t size = raw.size();
  CHECK(EVP_PKEY_get_raw_public_key(key, raw.data(), &size) == 1 && size == raw.size());
  return node_id_of(raw);
}

// Takes the place of OpenSSL's own verification, which is about authorities and dates.
int verify_peer(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& peer = *static_cast<TlsPeer*>(SSL_get_app_data(ssl));
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(store);
  if (certificate == nullptr || sk_X509_num(sent) > 1) {
    peer.refusal = "the peer sent a chain of certificates instead of its own alone";
    return 0;
  }
  std::optional<NodeId> id = proven_id(certificate, peer.refusal);
  ERR_clear_error();
  if (!id) return 0;
  if (peer.expected && *peer.expected != *id) {
    peer.refusal = "the peer is " + id->short_hex() + ", expected " + peer.expected->short_hex();
    return 0;
  }
  peer.id = id;
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

// OpenSSL tells the secrets of a connection in lines of text: name, the client's random, secret. Records are ours, so
// we need those of the application's traffic; the others are let go.
void keep_secret(const SSL* ssl, const char* line) {
  std::string_view text(line);
  auto& peer = *static_cast<TlsPeer*>(SSL_get_app_data(ssl));
  for (auto [name, secret] : {std::pair("CLIENT_TRAFFIC_SECRET_0 ", &peer.client_secret),
                              std::pair("SERVER_TRAFFIC_SECRET_0 ", &peer.server_secret)}) {
    if (!text.starts_with(name)) continue;
    std::string_view hex = text.substr(text.rfind(' ') + 1);
    CHECK(hex.size() / 2 <= secret->bytes.size());
    secret->size = hex.size() / 2;
    CHECK(from_hex(hex, MutableBytes(secret->bytes).first(secret->size)));
  }
}
}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX* context = context_.get();
  CHECK(context != nullptr);
  CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  CHECK(SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1);
  CHECK(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384") == 1);
  CHECK(SSL_CTX_set1_groups_list(context, "X25519") == 1);
  CHECK(SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // No records that only imitate older versions: nothing between our ends needs them, and they are not protected.
  SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
  CHECK(SSL_CTX_set_num_tickets(context, 0) == 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  CHECK(SSL_CTX_set_max_early_data(context, 0) == 1);
  SSL_CTX_set_max_cert_list(context, kCertificateBytesMax);
  // A server asks for a certificate and lets anonymous clients through: what a role needs is decided by Hello.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_peer, nullptr);
  SSL_CTX_set_keylog_callback(context, keep_secret);
}

TlsContext::TlsContext(const Identity& identity) : TlsContext() {
  Certificate certificate = self_signed(identity);
  CHECK(SSL_CTX_use_certificate(context_.get(), certificate.get()) == 1);
  CHECK(SSL_CTX_use_PrivateKey(context_.get(), identity.key()) == 1);
}

TlsContext TlsContext::anonymous() { return {}; }
TlsContext::~TlsContext() = default;
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;

}  // namespace vortex::net
