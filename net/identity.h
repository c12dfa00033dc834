// Who a node is: an Ed25519 key. Its id is the SHA-256 of the public key, so an id can be proven and not be taken.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/id.h"
#include "base/random.h"
#include "base/result.h"

struct evp_pkey_st;

namespace vortex::net {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

NodeId node_id_of(const PublicKey& key);
// Is `signature` the one that the owner of `key` makes for `message`?
bool verify_signature(const PublicKey& key, ByteView message, const Signature& signature);

// Copies share the key, which never changes.
class Identity {
 public:
  static Identity generate(Random& random);
  // PKCS#8 as PEM, what `openssl pkey` reads. `damaged` when it is something else.
  static Result<Identity> from_pem(std::string_view pem);
  std::string to_pem() const;

  const NodeId& id() const { return id_; }
  const PublicKey& public_key() const { return public_key_; }
  Signature sign(ByteView message) const;

  // For the certificate of TLS.
  evp_pkey_st* key() const { return key_.get(); }

 private:
  explicit Identity(std::shared_ptr<evp_pkey_st> key);
  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_key_{};
  NodeId id_;
};

// The PEM text in a file of its own.
Task<Result<Identity>> load_identity(Disk& disk, std::string path);
// Durable when it returns.
Task<Status> save_identity(Disk& disk, std::string path, const Identity& identity);

}  // namespace vortex::net
