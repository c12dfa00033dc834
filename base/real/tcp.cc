#include "base/real/tcp.h"

#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <utility>

#include "base/real/operation.h"
#include "base/real/system_error.h"
#include "base/real/tcp_connection.h"

namespace vortex {

namespace {
using asio::ip::tcp;

constexpr Duration kAttemptMax = seconds(2);

Result<tcp::endpoint> to_asio(const Endpoint& endpoint) {
  asio::error_code error;
  asio::ip::address address = asio::ip::make_address(endpoint.address, error);
  if (error) return Error(Code::invalid_argument, "\"" + endpoint.address + "\" is not an address");
  return tcp::endpoint(address, endpoint.port);
}

class TcpListener final : public Listener {
 public:
  TcpListener(Loop& loop, TcpAcceptor acceptor)
      : loop_(loop), acceptor_(std::move(acceptor)), socket_(loop.context()), accepting_(loop) {
    asio::error_code ignored;
    local_ = address_of(acceptor_.local_endpoint(ignored));
  }

  Task<Result<std::unique_ptr<Connection>>> accept() override {
    while (true) {
      if (closed_) co_return Code::closed;
      auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return Code::cancelled;
      acceptor_.async_accept(socket_, accepting_.start());
      auto error = co_await accepting_.wait();
      TcpSocket socket = std::exchange(socket_, TcpSocket(loop_.context()));
      if (!error) {
        // The peer may have gone already; then the first read says so.
        std::unique_ptr<Connection> connection = std::make_unique<TcpConnection>(loop_, std::move(socket));
        co_return Result<std::unique_ptr<Connection>>(std::move(connection));
      }
      if (closed_) co_return Code::closed;
      if (error == asio::error::operation_aborted) co_return Code::cancelled;
      if (error == asio::error::connection_aborted) continue;  // it hung up while it stood in the line
      co_return system_error(error.value(), "accept at", local_.to_string());
    }
  }
  void close() override {
    closed_ = true;
    asio::error_code ignored;
    acceptor_.close(ignored);
  }
  Address local() const override { return local_; }

 private:
  Loop& loop_;
  TcpAcceptor acceptor_;
  TcpSocket socket_;  // the next one to be accepted
  Address local_;
  bool closed_ = false;
  Operation accepting_;
};
}  // namespace

Task<Result<std::unique_ptr<Connection>>> TcpNetwork::connect(Address to) {
  CO_ASSIGN_OR_RETURN(std::vector<Endpoint> endpoints, co_await resolver_.resolve(to));
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    bool last = i + 1 == endpoints.size();
    auto connection = co_await connect_one(to, endpoints[i], last);
    if (connection.ok() || last || connection.is(Code::cancelled)) co_return connection;
  }
  co_return Code::internal;
}

Task<Result<std::unique_ptr<Connection>>> TcpNetwork::connect_one(Address to, Endpoint endpoint, bool last) {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Code::cancelled;
  CO_ASSIGN_OR_RETURN(tcp::endpoint target, to_asio(endpoint));
  TcpSocket socket(loop_.context());
  asio::error_code error;
  socket.open(target.protocol(), error);
  if (error) co_return system_error(error.value(), "connect to", to.to_string());
  Operation connecting(loop_);
  bool late = false;
  TimerId timer = kNoTimer;
  if (!last) {
    auto give_up = [&connecting, &late] {
      late = true;
      connecting.cancel();
    };
    timer = clock_.call_at(clock_.now() + kAttemptMax, UniqueFunction<void()>(give_up));
  }
  socket.async_connect(target, connecting.start());
  error = co_await connecting.wait();
  clock_.cancel(timer);
  if (late && error == asio::error::operation_aborted) co_return Code::timed_out;
  if (error == asio::error::operation_aborted) co_return Code::cancelled;
  // Looking for a free port on its own machine, a socket can meet itself.
  asio::error_code ignored;
  if (!error && socket.local_endpoint(ignored) == target) error = asio::error::connection_refused;
  if (error) {
    Error failure = system_error(error.value(), "connect to", to.to_string());
    if (failure.is(Code::closed)) co_return Error(Code::unreachable, std::string(failure.message()));
    co_return failure;
  }
  std::unique_ptr<Connection> connection = std::make_unique<TcpConnection>(loop_, std::move(socket));
  co_return Result<std::unique_ptr<Connection>>(std::move(connection));
}

Result<std::unique_ptr<Listener>> TcpNetwork::listen(const Address& at) {
  Endpoint endpoint("0.0.0.0", at.port);
  if (is_numeric(at.host)) {
    endpoint.address = at.host;
  } else if (!at.host.empty() && at.host != "*") {
    ASSIGN_OR_RETURN(std::vector<Endpoint> found, resolve_now(at));
    endpoint = found.front();
  }
  ASSIGN_OR_RETURN(tcp::endpoint local, to_asio(endpoint));
  TcpAcceptor acceptor(loop_.context());
  asio::error_code error;
  acceptor.open(local.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(local, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return system_error(error.value(), "listen at", at.to_string());
  std::unique_ptr<Listener> listener = std::make_unique<TcpListener>(loop_, std::move(acceptor));
  return listener;
}

}  // namespace vortex
