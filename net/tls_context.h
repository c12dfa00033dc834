// What all TLS connections of one node share: its certificate and the settings of the protocol.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/identity.h"
#include "net/tls_records.h"

struct ssl_ctx_st;
struct ssl_st;

namespace vortex::net {

// TLS 1.3 alone, X25519, Ed25519 certificates, AES-GCM; no tickets, no early data, no session cache.
class TlsContext {
 public:
  // Presents a certificate that the key signs for itself; the same key always makes the same certificate.
  explicit TlsContext(const Identity& identity);
  // For clients that have no id.
  static TlsContext anonymous();
  ~TlsContext();
  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;

  ssl_ctx_st* handle() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  TlsContext();
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

// What the certificate of the other end must prove, and afterwards what it did prove and what was agreed. Reached
// through the SSL object's application data while the handshake runs.
struct TlsPeer {
  std::optional<NodeId> expected;          // set by the connecting side when it knows whom it calls
  std::optional<NodeId> id;                // nothing when the other side is anonymous
  std::string refusal;                     // why the certificate was not accepted
  TlsSecret client_secret, server_secret;  // of what each side sends after the handshake
};

}  // namespace vortex::net
