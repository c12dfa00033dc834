#include "tools/bench/net_raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/bytes.h"

namespace vortex::bench {

namespace {

// Both ends of a loopback connection.
class SocketPair {
 public:
  ~SocketPair() {
    for (int fd : {client, server})
      if (fd >= 0) ::close(fd);
  }
  Status open();
  int client = -1, server = -1;
};

Error failed(const char* what) { return Error(Code::io_error, std::string(what) + ": " + std::strerror(errno)); }

Status SocketPair::open() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = ::bind(listener, generic, length) == 0 && ::listen(listener, 1) == 0 &&
                   ::getsockname(listener, generic, &length) == 0 && ::connect(client, generic, length) == 0;
  if (connected) server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  ::close(listener);
  if (server < 0) return failed("loopback");
  int yes = 1;
  for (int fd : {client, server}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return Status();
}

bool send_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t size = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
  return true;
}

// What came goes back, until the other side has finished.
void send_back(int fd) {
  ByteVector buffer(256 * 1024);
  while (true) {
    ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size <= 0 || !send_all(fd, ByteView(buffer.data(), static_cast<std::size_t>(size)))) break;
  }
}

}  // namespace

Result<double> raw_stream(double seconds, std::size_t block) {
  SocketPair pair;
  RETURN_IF_ERROR(pair.open());
  std::uint64_t received = 0;
  std::thread reader([&pair, &received, block] {
    ByteVector buffer(block);
    while (true) {
      ssize_t size = ::recv(pair.server, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      received += static_cast<std::uint64_t>(size);
    }
  });
  ByteVector bytes(block, 'x');
  Stopwatch watch;
  while (watch.seconds() < seconds && send_all(pair.client, bytes)) {
  }
  ::shutdown(pair.client, SHUT_WR);
  reader.join();
  return static_cast<double>(received) / watch.seconds();
}

Result<double> raw_round_trips(double seconds, std::size_t size, std::size_t in_flight) {
  SocketPair pair;
  RETURN_IF_ERROR(pair.open());
  std::thread server([&pair] { send_back(pair.server); });
  ByteVector buffer(std::max<std::size_t>(256 * 1024, size * in_flight), 'x');
  std::uint64_t bytes = 0;
  Stopwatch watch;
  bool fine = send_all(pair.client, ByteView(buffer).first(size * in_flight));
  while (fine && watch.seconds() < seconds) {
    ssize_t got = ::recv(pair.client, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    bytes += static_cast<std::uint64_t>(got);
    fine = send_all(pair.client, ByteView(buffer.data(), static_cast<std::size_t>(got)));
  }
  double rate = static_cast<double>(bytes) / static_cast<double>(size) / watch.seconds();
  ::shutdown(pair.client, SHUT_RDWR);
  server.join();
  return rate;
}

Result<Latency> raw_latency(double seconds, std::size_t size) {
  SocketPair pair;
  RETURN_IF_ERROR(pair.open());
  std::thread server([&pair] { send_back(pair.server); });
  ByteVector buffer(size, 'x');
  std::vector<double> microseconds;
  Stopwatch watch;
  while (watch.seconds() < seconds) {
    Stopwatch one;
    if (!send_all(pair.client, buffer) ||
        ::recv(pair.client, buffer.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size))
      break;
    microseconds.push_back(one.seconds() * 1e6);
  }
  ::shutdown(pair.client, SHUT_RDWR);
  server.join();
  return latency_of(std::move(microseconds));
}

}  // namespace vortex::bench
