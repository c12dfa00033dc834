// One TCP stream.
#pragma once

#include <asio/ip/tcp.hpp>

#include "base/network.h"
#include "base/real/operation.h"

namespace vortex {

// Bound to the one kind of executor there is; the default is type-erased and slower.
using TcpExecutor = asio::io_context::executor_type;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, TcpExecutor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, TcpExecutor>;

Address address_of(const asio::ip::tcp::endpoint& endpoint);
// `closed` for a stream that has ended in some way, with the system's words.
Error stream_error(const asio::error_code& error, std::string_view action, const Address& peer);

// Reads and writes are tried at once; only what would block goes through the reactor.
class TcpConnection final : public Connection {
 public:
  TcpConnection(Loop& loop, TcpSocket socket);

  Task<Result<std::size_t>> read_some(MutableBytes into) override;
  Task<Status> write(std::span<const ByteView> pieces) override;
  bool writes_now() const override { return true; }
  std::size_t write_now(std::span<const ByteView> pieces) override;
  void close() override;
  Address peer() const override { return peer_; }
  Address local() const override { return local_; }

 private:
  // What may be moved without going through the run queue, so that one busy stream does not keep the others waiting.
  class Turn {
   public:
    bool over() const { return bytes_ >= kBytesMax; }
    void used(std::size_t bytes) { bytes_ += bytes; }
    void renew() { bytes_ = 0; }

   private:
    static constexpr std::size_t kBytesMax = 1 << 20;
    std::size_t bytes_ = 0;
  };

  TcpSocket socket_;
  Address peer_, local_;
  bool closed_ = false;
  bool more_likely_ = true;  // the last read filled its buffer
  Turn read_turn_, write_turn_;
  Operation reading_, writing_;
};

}  // namespace vortex
