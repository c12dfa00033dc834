// A handshake that believes everything and costs next to nothing: for scenarios with thousands of nodes, in which what
// comes after it is tried.
#pragma once

#include "net/secure.h"

namespace vortex::sim {

class OpenHandshaker final : public net::Handshaker {
 public:
  OpenHandshaker(const NodeId& id, Address advertised) : id_(id), advertised_(std::move(advertised)) {}

  Task<Result<net::Secured>> as_client(std::unique_ptr<Connection> connection, std::optional<NodeId> expected,
                                       net::Purpose purpose) override;
  Task<Result<net::Secured>> as_server(std::unique_ptr<Connection> connection) override;

 private:
  Task<Status> introduce(Connection& connection, net::Purpose purpose) const;
  Task<Result<net::Secured>> meet(std::unique_ptr<Connection> connection) const;

  const NodeId id_;
  const Address advertised_;
};

}  // namespace vortex::sim
