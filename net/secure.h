// Between a bare connection and a channel stands the handshake: who is there, and may they come in?
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/network.h"
#include "net/method.h"

namespace vortex::net {

// What an access key permits. Made and understood by the upper rooms, carried along here.
struct AccessRights {
  virtual ~AccessRights() = default;
};

// What a connection is for; said by the side that connects.
enum class Purpose : std::uint8_t { control, bulk };
constexpr Purpose max_enum_value(Purpose) { return Purpose::bulk; }

// What the handshake has proven about the other end.
struct PeerInfo {
  NodeId id;  // SHA-256 of its public key; zero when it has none
  Role role = Role::stranger;
  std::uint16_t version = 0;  // of the protocol, as negotiated
  ClusterId cluster;
  std::string credential;  // name of the access key or join token it came with; empty for members
  bool encrypted = false;
  Address address;               // where the bytes come from
  Address advertised;            // where it says that it listens; empty when it does not
  std::uint64_t boot_epoch = 0;  // as it says; zero for clients
  Purpose purpose = Purpose::control;
  // Of the cluster secret that was proven; an older one than ours says that the peer has yet to fetch the new one.
  std::uint32_t cluster_key_epoch = 0;
  std::shared_ptr<const AccessRights> rights;  // of a client's access key

  PeerInfo() = default;
};

// An authenticated stream. Not one byte behind the handshake has been read from it.
struct Secured {
  std::unique_ptr<Connection> connection;
  PeerInfo peer;

  Secured(std::unique_ptr<Connection> stream, PeerInfo info) : connection(std::move(stream)), peer(std::move(info)) {}
};

// Stateless as far as the caller sees; several handshakes run at once. Both calls end at once with `cancelled` when the
// task is cancelled, and are bounded in time by cancelling them. On failure the connection is closed; the error says
// what the caller may know (`wrong_cluster`, `unauthenticated`, `expired`, `unsupported_version`, `bad_message`, …).
class Handshaker {
 public:
  virtual ~Handshaker() = default;
  // `expected`: the identity that must be at the other end; without one, anybody of the right cluster.
  virtual Task<Result<Secured>> as_client(std::unique_ptr<Connection> connection, std::optional<NodeId> expected,
                                          Purpose purpose) = 0;
  virtual Task<Result<Secured>> as_server(std::unique_ptr<Connection> connection) = 0;
};

}  // namespace vortex::net
