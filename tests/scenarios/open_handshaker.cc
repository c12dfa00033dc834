#include "tests/scenarios/open_handshaker.h"

#include <array>

namespace vortex::sim {

namespace {

// What one end says, behind a byte that says how long it is.
struct Introduction {
  NodeId id;
  net::Purpose purpose = net::Purpose::control;
  Address address;
  VORTEX_FIELDS(id, purpose, address)
};

Task<Status> read_all(Connection& connection, MutableBytes rest) {
  while (!rest.empty()) {
    CO_ASSIGN_OR_RETURN(std::size_t size, co_await connection.read_some(rest));
    rest = rest.subspan(size);
  }
  co_return Status();
}

}  // namespace

Task<Status> OpenHandshaker::introduce(Connection& connection, net::Purpose purpose) const {
  Introduction introduction;
  introduction.id = id_;
  introduction.purpose = purpose;
  introduction.address = advertised_;
  ByteVector bytes(1);
  Encoder encoder(bytes);
  encoder.put(introduction);
  bytes[0] = static_cast<std::uint8_t>(bytes.size() - 1);
  ByteView piece(bytes);
  co_return co_await connection.write(std::span<const ByteView>(&piece, 1));
}

Task<Result<net::Secured>> OpenHandshaker::meet(std::unique_ptr<Connection> connection) const {
  std::array<std::uint8_t, 256> bytes;
  MutableBytes whole(bytes);
  CO_RETURN_IF_ERROR(co_await read_all(*connection, whole.first(1)));
  MutableBytes body = whole.subspan(1, bytes[0]);
  CO_RETURN_IF_ERROR(co_await read_all(*connection, body));
  CO_ASSIGN_OR_RETURN(Introduction introduction, decode<Introduction>(body));
  net::PeerInfo peer;
  peer.id = introduction.id;
  peer.role = net::Role::member;
  peer.purpose = introduction.purpose;
  peer.address = connection->peer();
  peer.advertised = introduction.address;
  co_return net::Secured(std::move(connection), std::move(peer));
}

Task<Result<net::Secured>> OpenHandshaker::as_client(std::unique_ptr<Connection> connection,
                                                     std::optional<NodeId> expected, net::Purpose purpose) {
  CO_RETURN_IF_ERROR(co_await introduce(*connection, purpose));
  CO_ASSIGN_OR_RETURN(net::Secured secured, co_await meet(std::move(connection)));
  if (expected && secured.peer.id != *expected) co_return Error(Code::unauthenticated, "another node answers here");
  co_return std::move(secured);
}

Task<Result<net::Secured>> OpenHandshaker::as_server(std::unique_ptr<Connection> connection) {
  CO_ASSIGN_OR_RETURN(net::Secured secured, co_await meet(std::move(connection)));
  CO_RETURN_IF_ERROR(co_await introduce(*secured.connection, net::Purpose::control));
  co_return std::move(secured);
}

}  // namespace vortex::sim
