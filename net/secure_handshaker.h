// The handshake of production: TLS where it is wanted, then Hello, by which both ends prove what they are.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "net/credentials.h"
#include "net/frame.h"
#include "net/hello.h"
#include "net/tls_context.h"

namespace vortex::net {

enum class Transport { tls, plain };

// What this end says about itself.
struct LocalEnd {
  std::optional<Identity> identity;  // nodes and joiners have one; clients need none
  std::uint64_t boot_epoch = 0;
  Address advertised;
  // `plain` calls without TLS, and takes calls of both kinds; `tls` takes no others. Joining is always encrypted.
  Transport transport = Transport::tls;
  std::uint16_t version_min = kVersionOldest;
  std::uint16_t version_max = kVersion;
};

// What this end proves when it calls. Members need say no more than that: their secret comes from Credentials.
struct Presented {
  Proves proves = Proves::cluster_secret;
  std::string credential;  // name of the access key or join token
  Secret secret;           // its secret
  ClusterId cluster;       // for clients and joiners: which cluster it must be; zero when a client does not know
};

// One end of one handshake, as both sides use it.
struct HelloStream {
  Connection& stream;
  std::optional<Id> binding;          // of TLS; nothing when plain
  std::optional<NodeId> tls_peer;     // whom TLS has proven
  std::optional<std::uint8_t> first;  // of a plain stream, already read
};

class SecureHandshaker final : public Handshaker {
 public:
  // The credentials outlive it.
  SecureHandshaker(Random& random, LocalEnd local, Credentials& credentials, Presented presented);

  // For later calls: a joiner becomes a member, a member goes to fetch a new secret.
  void present(Presented presented) { presented_ = std::move(presented); }
  void advertise(Address address) { local_.advertised = std::move(address); }

  Task<Result<Secured>> as_client(std::unique_ptr<Connection> connection, std::optional<NodeId> expected,
                                  Purpose purpose) override;
  Task<Result<Secured>> as_server(std::unique_ptr<Connection> connection) override;

 private:
  Task<Result<Secured>> accept_tls(std::unique_ptr<Connection> connection, std::uint8_t first);
  Task<Result<Secured>> accept_plain(std::unique_ptr<Connection> connection, std::uint8_t first);

  Random& random_;
  LocalEnd local_;
  Credentials& credentials_;
  Presented presented_;
  // Made when it is first needed: it takes memory, and a signature.
  const TlsContext& tls();
  std::optional<TlsContext> tls_;
};

// The two sides of Hello over a stream that TLS has secured or not. Everything they take outlives them.
Task<Result<PeerInfo>> initiate_hello(Random& random, const LocalEnd& local, Credentials& credentials,
                                      Presented presented, HelloStream over, std::optional<NodeId> expected,
                                      Purpose purpose);
// When it fails, the other side has been told what it may know.
Task<Result<PeerInfo>> accept_hello(Random& random, const LocalEnd& local, Credentials& credentials, HelloStream over);

}  // namespace vortex::net
