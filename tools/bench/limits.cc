// The machine's own limits, by plain system calls and nothing of ours in between.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/bytes.h"
#include "tools/bench/bench.h"

namespace vortex::bench {

namespace {

constexpr std::size_t kBlock = std::size_t(1) << 20;
constexpr std::size_t kPage = 4096;
constexpr double kMega = 1e6;
// So that a quick disk does not fill up within a long measurement.
constexpr std::uint64_t kDiskBytesMax = std::uint64_t(2) << 30;
constexpr std::uint64_t kOverwrittenBytes = std::uint64_t(16) << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

Error system_error(const std::string& what) {
  return Error(errno == ENOSPC ? Code::no_space : Code::io_error, what + ": " + std::strerror(errno));
}

// A file that has lost its name already: it goes when it is closed, also when the process dies.
Result<int> open_scratch(const std::string& directory) {
  std::string path = directory + "/vortex-bench-XXXXXX";
  int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return system_error(directory);
  ::unlink(path.c_str());
  return fd;
}

Status write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) return system_error("write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

// A connected pair over the loopback interface.
Status connect_loopback(int listener, int from, Result<int>& accepted) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (::bind(listener, generic, length) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, generic, &length) != 0 || ::connect(from, generic, length) != 0) {
    return system_error("loopback");
  }
  int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return system_error("accept");
  accepted = fd;
  return {};
}

Result<double> loopback_mb_s(double seconds) {
  Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Descriptor from(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid() || !from.valid()) return system_error("socket");
  Result<int> accepted(Code::unreachable);
  RETURN_IF_ERROR(connect_loopback(listener.get(), from.get(), accepted));
  Descriptor to(*accepted);

  std::uint64_t received = 0;
  std::thread reader([fd = to.get(), &received] {
    ByteVector block(kBlock);
    ssize_t n = 0;
    while ((n = ::read(fd, block.data(), block.size())) > 0) received += static_cast<std::uint64_t>(n);
  });
  ByteVector block(kBlock, 0x5a);
  Stopwatch watch;
  Status sent;
  while (sent.ok() && watch.seconds() < seconds) sent = write_all(from.get(), block);
  ::shutdown(from.get(), SHUT_WR);
  reader.join();
  if (!sent.ok()) return std::move(sent).error();
  return static_cast<double>(received) / kMega / watch.seconds();
}

Result<double> disk_write_mb_s(const std::string& directory, double seconds) {
  ASSIGN_OR_RETURN(int fd, open_scratch(directory));
  Descriptor file(fd);
  ByteVector block(kBlock, 0x5a);
  std::uint64_t written = 0;
  Stopwatch watch;
  while (written < kDiskBytesMax && (written == 0 || watch.seconds() < seconds)) {
    RETURN_IF_ERROR(write_all(fd, block));
    written += block.size();
  }
  if (::fdatasync(fd) != 0) return system_error("fdatasync");
  return static_cast<double>(written) / kMega / watch.seconds();
}

// Overwrites of a file that was written before, as a recycled log does.
Result<double> fdatasync_s(const std::string& directory, double seconds) {
  ASSIGN_OR_RETURN(int fd, open_scratch(directory));
  Descriptor file(fd);
  ByteVector block(kBlock, 0x5a);
  for (std::uint64_t at = 0; at < kOverwrittenBytes; at += block.size()) RETURN_IF_ERROR(write_all(fd, block));
  if (::fdatasync(fd) != 0) return system_error("fdatasync");

  std::uint64_t syncs = 0;
  Stopwatch watch;
  while (syncs == 0 || watch.seconds() < seconds) {
    auto offset = static_cast<off_t>(syncs * kPage % kOverwrittenBytes);
    if (::pwrite(fd, block.data(), kPage, offset) != static_cast<ssize_t>(kPage)) return system_error("pwrite");
    if (::fdatasync(fd) != 0) return system_error("fdatasync");
    ++syncs;
  }
  return static_cast<double>(syncs) / watch.seconds();
}

double memcpy_mb_s(double seconds) {
  constexpr std::size_t kSize = 64 * kBlock;  // larger than the caches
  ByteVector from(kSize, 0x5a), to(kSize);
  std::uint64_t copied = 0;
  Stopwatch watch;
  while (watch.seconds() < seconds) {
    std::memcpy(to.data(), from.data(), kSize);
    asm volatile("" : : "r"(to.data()) : "memory");  // the copy is wanted though nobody reads it
    copied += kSize;
  }
  return static_cast<double>(copied) / kMega / watch.seconds();
}

Result<double> sha256_mb_s(double seconds) {
  ByteVector block(kBlock, 0x5a);
  unsigned char digest[EVP_MAX_MD_SIZE];
  std::uint64_t hashed = 0;
  Stopwatch watch;
  while (watch.seconds() < seconds) {
    if (EVP_Digest(block.data(), block.size(), digest, nullptr, EVP_sha256(), nullptr) != 1) {
      return Error(Code::internal, "SHA-256");
    }
    hashed += block.size();
  }
  return static_cast<double>(hashed) / kMega / watch.seconds();
}

}  // namespace

Result<Limits> measure_limits(const Options& options) {
  auto middle = [&options](std::string name, const std::function<Result<double>(double)>& once) -> Result<double> {
    auto measurement = [&] { return once(options.seconds); };
    ASSIGN_OR_RETURN(Row row, measure(options, std::move(name), "", measurement));
    return row.ours;
  };
  Limits limits;
  ASSIGN_OR_RETURN(limits.loopback_mb_s, middle("loopback", loopback_mb_s));
  ASSIGN_OR_RETURN(limits.disk_write_mb_s,
                   middle("disk", [&](double s) { return disk_write_mb_s(options.directory, s); }));
  ASSIGN_OR_RETURN(limits.fdatasync_s, middle("disk", [&](double s) { return fdatasync_s(options.directory, s); }));
  ASSIGN_OR_RETURN(limits.memcpy_mb_s, middle("memcpy", [](double s) { return Result<double>(memcpy_mb_s(s)); }));
  ASSIGN_OR_RETURN(limits.sha256_mb_s, middle("SHA-256", sha256_mb_s));
  return limits;
}

}  // namespace vortex::bench
