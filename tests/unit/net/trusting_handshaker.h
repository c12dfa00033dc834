// A handshake that proves nothing: one message each way, in which both ends say who they are.
#pragma once

#include "base/network.h"
#include "net/secure.h"

namespace vortex::net::test {

class TrustingHandshaker final : public Handshaker {
 public:
  TrustingHandshaker(const NodeId& id, Role role) : id_(id), role_(role) {}
  Task<Result<Secured>> as_client(std::unique_ptr<Connection> connection, std::optional<NodeId> expected,
                                  Purpose purpose) override;
  Task<Result<Secured>> as_server(std::unique_ptr<Connection> connection) override;

 private:
  ByteVector introduction(Purpose purpose) const;
  Task<Result<Secured>> read_introduction(std::unique_ptr<Connection> connection);
  NodeId id_;
  Role role_;
};

}  // namespace vortex::net::test
