#include "tests/unit/net/trusting_handshaker.h"

#include <array>

namespace vortex::net::test {

namespace {

constexpr std::size_t kIntroduction = Id::kSize + 2;

Task<Status> write_all(Connection& connection, ByteVector bytes) {
  ByteView piece(bytes);
  co_return co_await connection.write(std::span<const ByteView>(&piece, 1));
}

}  // namespace

ByteVector TrustingHandshaker::introduction(Purpose purpose) const {
  ByteVector bytes = to_vector(id_.bytes);
  bytes.push_back(static_cast<std::uint8_t>(role_));
  bytes.push_back(static_cast<std::uint8_t>(purpose));
  return bytes;
}

Task<Result<Secured>> TrustingHandshaker::read_introduction(std::unique_ptr<Connection> connection) {
  std::array<std::uint8_t, kIntroduction> bytes;
  MutableBytes rest(bytes);
  while (!rest.empty()) {
    CO_ASSIGN_OR_RETURN(std::size_t size, co_await connection->read_some(rest));
    rest = rest.subspan(size);
  }
  PeerInfo peer;
  std::memcpy(peer.id.bytes.data(), bytes.data(), Id::kSize);
  peer.role = static_cast<Role>(bytes[Id::kSize]);
  peer.purpose = static_cast<Purpose>(bytes[Id::kSize + 1]);
  peer.address = connection->peer();
  co_return Secured(std::move(connection), std::move(peer));
}

Task<Result<Secured>> TrustingHandshaker::as_client(std::unique_ptr<Connection> connection,
                                                    std::optional<NodeId> expected, Purpose purpose) {
  CO_RETURN_IF_ERROR(co_await write_all(*connection, introduction(purpose)));
  CO_ASSIGN_OR_RETURN(Secured secured, co_await read_introduction(std::move(connection)));
  if (expected && secured.peer.id != *expected) co_return Error(Code::unauthenticated, "another node answers here");
  co_return std::move(secured);
}

Task<Result<Secured>> TrustingHandshaker::as_server(std::unique_ptr<Connection> connection) {
  CO_ASSIGN_OR_RETURN(Secured secured, co_await read_introduction(std::move(connection)));
  CO_RETURN_IF_ERROR(co_await write_all(*secured.connection, introduction(Purpose::control)));
  co_return std::move(secured);
}

}  // namespace vortex::net::test
