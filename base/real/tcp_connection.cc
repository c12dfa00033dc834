#include "base/real/tcp_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <cerrno>

#include "base/real/system_error.h"

namespace vortex {

namespace {
constexpr std::size_t kPiecesPerCall = 64;

// What is left of a list of pieces.
struct Rest {
  std::span<const ByteView> pieces;
  std::size_t offset = 0;  // into the first

  void advance(std::size_t bytes) {
    while (!pieces.empty() && bytes >= pieces[0].size() - offset) {
      bytes -= pieces[0].size() - offset;
      offset = 0;
      pieces = pieces.subspan(1);
    }
    offset += bytes;
  }
};

// Bytes sent, or a negative errno.
ssize_t send_some(int socket, const Rest& rest) {
  std::array<iovec, kPiecesPerCall> vectors;
  std::size_t count = std::min(rest.pieces.size(), kPiecesPerCall);
  for (std::size_t i = 0; i < count; ++i) {
    ByteView piece = rest.pieces[i].subspan(i == 0 ? rest.offset : 0);
    vectors[i].iov_base = const_cast<std::uint8_t*>(piece.data());
    vectors[i].iov_len = piece.size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  while (true) {
    ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno != EINTR) return -errno;
  }
}

bool would_block(int number) { return number == EAGAIN || number == EWOULDBLOCK; }
asio::error_code system_code(int number) { return asio::error_code(number, asio::error::get_system_category()); }
}  // namespace

Address address_of(const asio::ip::tcp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  // A dual-stack listener shows IPv4 peers as ::ffff:a.b.c.d.
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  Address result;
  result.host = address.to_string();
  result.port = endpoint.port();
  return result;
}

Error stream_error(const asio::error_code& error, std::string_view action, const Address& peer) {
  Error failure = system_error(error.value(), action, peer.to_string());
  return failure.is(Code::unreachable) || failure.is(Code::io_error)
             ? Error(Code::closed, std::string(failure.message()))
             : failure;
}

TcpConnection::TcpConnection(Loop& loop, TcpSocket socket)
    : socket_(std::move(socket)), reading_(loop), writing_(loop) {
  asio::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  peer_ = address_of(socket_.remote_endpoint(ignored));
  local_ = address_of(socket_.local_endpoint(ignored));
}

Task<Result<std::size_t>> TcpConnection::read_some(MutableBytes into) {
  CHECK(!into.empty());
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Code::cancelled;
  if (closed_) co_return Code::closed;
  CHECK(!reading_.running());
  if (more_likely_ && !read_turn_.over()) {
    ssize_t got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got == 0) co_return Code::end_of_stream;
    if (got > 0) {
      auto bytes = static_cast<std::size_t>(got);
      read_turn_.used(bytes);
      more_likely_ = bytes == into.size();
      co_return bytes;
    }
    int number = errno;
    if (!would_block(number) && number != EINTR) co_return stream_error(system_code(number), "read from", peer_);
  }
  read_turn_.renew();
  socket_.async_read_some(asio::buffer(into.data(), into.size()), reading_.start());
  auto error = co_await reading_.wait();
  more_likely_ = reading_.bytes() == into.size();
  if (!error) co_return reading_.bytes();
  if (closed_) co_return Code::closed;
  if (error == asio::error::eof) co_return Code::end_of_stream;
  if (error == asio::error::operation_aborted) co_return Code::cancelled;
  co_return stream_error(error, "read from", peer_);
}

Task<Status> TcpConnection::write(std::span<const ByteView> pieces) {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Code::cancelled;
  CHECK(!writing_.running());
  Rest rest;
  rest.pieces = pieces;
  rest.advance(0);  // empty pieces at the front
  while (!rest.pieces.empty()) {
    if (closed_) co_return Code::closed;
    if (!write_turn_.over()) {
      ssize_t sent = send_some(socket_.native_handle(), rest);
      if (sent >= 0) {
        auto bytes = static_cast<std::size_t>(sent);
        write_turn_.used(bytes);
        rest.advance(bytes);
        continue;
      }
      int number = static_cast<int>(-sent);
      if (!would_block(number)) co_return stream_error(system_code(number), "write to", peer_);
    }
    write_turn_.renew();
    socket_.async_wait(asio::socket_base::wait_write, writing_.start());
    auto error = co_await writing_.wait();
    if (closed_) co_return Code::closed;
    if (error == asio::error::operation_aborted) co_return Code::cancelled;
    if (error) co_return stream_error(error, "write to", peer_);
  }
  co_return Status();
}

std::size_t TcpConnection::write_now(std::span<const ByteView> pieces) {
  CHECK(!writing_.running());
  if (closed_) return 0;
  Rest rest;
  rest.pieces = pieces;
  ssize_t sent = send_some(socket_.native_handle(), rest);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void TcpConnection::close() {
  closed_ = true;
  asio::error_code ignored;
  socket_.close(ignored);  // whoever waits is told operation_aborted
}

}  // namespace vortex
