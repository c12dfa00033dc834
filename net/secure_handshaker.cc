#include "net/secure_handshaker.h"

#include <array>

#include "net/tls_stream.h"

namespace vortex::net {

namespace {
// The first byte of a TLS record that holds a handshake; a plain Hello begins with that of kHelloMagic.
constexpr std::uint8_t kTlsFirstByte = 0x16;
static_assert((kHelloMagic & 0xff) != kTlsFirstByte);

// Encrypted bytes in which the messages of Hello must have come, however they are split into records.
constexpr std::size_t kHelloReadMax = 32 * kKiB;

TlsContext context_of(const LocalEnd& local) {
  return local.identity ? TlsContext(*local.identity) : TlsContext::anonymous();
}

HelloStream over_tls(TlsStream& stream) {
  return HelloStream{stream, stream.channel_binding(), stream.peer_id(), std::nullopt};
}

Secured secured(std::unique_ptr<Connection> stream, PeerInfo peer, bool encrypted) {
  peer.encrypted = encrypted;
  peer.address = stream->peer();
  return {std::move(stream), std::move(peer)};
}

struct CloseUnlessKept {
  Connection* stream;
  ~CloseUnlessKept() {
    if (stream != nullptr) stream->close();
  }
};
}  // namespace

SecureHandshaker::SecureHandshaker(Random& random, LocalEnd local, Credentials& credentials, Presented presented)
    : random_(random), local_(std::move(local)), credentials_(credentials), presented_(std::move(presented)) {}

const TlsContext& SecureHandshaker::tls() {
  if (!tls_) tls_.emplace(context_of(local_));
  return *tls_;
}

Task<Result<Secured>> SecureHandshaker::as_client(std::unique_ptr<Connection> connection,
                                                  std::optional<NodeId> expected, Purpose purpose) {
  Presented presented = presented_;
  bool encrypted = local_.transport == Transport::tls || needs_encryption(presented.proves);
  if (!encrypted) {
    CloseUnlessKept guard{connection.get()};
    HelloStream over{*connection, std::nullopt, std::nullopt, std::nullopt};
    auto peer = co_await initiate_hello(random_, local_, credentials_, std::move(presented), over, expected, purpose);
    if (!peer.ok()) co_return std::move(peer).error();
    guard.stream = nullptr;
    co_return secured(std::move(connection), std::move(*peer), false);
  }
  auto stream = std::make_unique<TlsStream>(tls(), std::move(connection), TlsSide::client, expected);
  CloseUnlessKept guard{stream.get()};
  CO_RETURN_IF_ERROR(co_await stream->handshake());
  stream->limit_reading(kHelloReadMax);
  HelloStream over = over_tls(*stream);
  auto peer = co_await initiate_hello(random_, local_, credentials_, std::move(presented), over, expected, purpose);
  if (!peer.ok()) co_return std::move(peer).error();
  stream->limit_reading(TlsStream::kUnlimited);
  guard.stream = nullptr;
  co_return secured(std::move(stream), std::move(*peer), true);
}

Task<Result<Secured>> SecureHandshaker::as_server(std::unique_ptr<Connection> connection) {
  CloseUnlessKept guard{connection.get()};
  std::array<std::uint8_t, 1> first;
  auto size = co_await connection->read_some(first);
  if (size.is(Code::end_of_stream)) co_return Error(Code::closed, "the other side left before it said anything");
  if (!size.ok()) co_return std::move(size).error();
  guard.stream = nullptr;
  if (first[0] == kTlsFirstByte) co_return co_await accept_tls(std::move(connection), first[0]);
  co_return co_await accept_plain(std::move(connection), first[0]);
}

Task<Result<Secured>> SecureHandshaker::accept_tls(std::unique_ptr<Connection> connection, std::uint8_t first) {
  ByteView already_read(&first, 1);
  auto stream = std::make_unique<TlsStream>(tls(), std::move(connection), TlsSide::server, std::nullopt, already_read);
  CloseUnlessKept guard{stream.get()};
  CO_RETURN_IF_ERROR(co_await stream->handshake());
  stream->limit_reading(kHelloReadMax);
  HelloStream over = over_tls(*stream);
  auto peer = co_await accept_hello(random_, local_, credentials_, over);
  if (!peer.ok()) {
    // Says that the refusal was the last word; whether that arrives does not matter.
    Status told = co_await stream->finish();
    co_return std::move(peer).error();
  }
  stream->limit_reading(TlsStream::kUnlimited);
  guard.stream = nullptr;
  co_return secured(std::move(stream), std::move(*peer), true);
}

Task<Result<Secured>> SecureHandshaker::accept_plain(std::unique_ptr<Connection> connection, std::uint8_t first) {
  CloseUnlessKept guard{connection.get()};
  HelloStream over{*connection, std::nullopt, std::nullopt, first};
  auto peer = co_await accept_hello(random_, local_, credentials_, over);
  if (!peer.ok()) co_return std::move(peer).error();
  guard.stream = nullptr;
  co_return secured(std::move(connection), std::move(*peer), false);
}

}  // namespace vortex::net
