#include "tools/remote/local_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "base/real/system_error.h"

namespace vortex::remote {

namespace {

Status write_all(int descriptor, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(errno, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return Status();
}

Status write_all_at(int descriptor, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(errno, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return Status();
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept
    : number_(std::exchange(other.number_, -1)), owned_(std::exchange(other.owned_, false)) {}

Descriptor::~Descriptor() {
  if (owned_) ::close(number_);
}

Result<Descriptor> open_to_read(const std::string& path) {
  if (path == "-") return Descriptor(STDIN_FILENO, false);
  int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0) return system_error(errno, "read", path);
  Descriptor descriptor(number, true);
  struct stat about {};
  if (::fstat(number, &about) == 0 && S_ISDIR(about.st_mode))
    return Error(Code::is_directory, path + " is a directory");
  return descriptor;
}

DescriptorSource::DescriptorSource(Env& env, Descriptor descriptor) : env_(env), descriptor_(std::move(descriptor)) {
  struct stat about {};
  if (::fstat(descriptor_.number(), &about) != 0 || !S_ISREG(about.st_mode)) return;
  size_ = static_cast<std::uint64_t>(about.st_size);
  // A file that takes less space than it has bytes has holes.
  sparse_ = static_cast<std::uint64_t>(about.st_blocks) * 512 < size_;
  off_t here = ::lseek(descriptor_.number(), 0, SEEK_CUR);
  offset_ = here > 0 ? static_cast<std::uint64_t>(here) : 0;
}

Task<Result<node::Piece>> DescriptorSource::read(MutableBytes room) {
  auto job = [this, room] { return read_now(room); };
  co_return co_await env_.pool().run(job);
}

Result<node::Piece> DescriptorSource::read_now(MutableBytes room) {
  node::Piece piece;
  if (sparse_ && offset_ < size_) {
    off_t data = ::lseek(descriptor_.number(), static_cast<off_t>(offset_), SEEK_DATA);
    std::uint64_t next = data >= 0 ? static_cast<std::uint64_t>(data) : size_;
    if (data < 0 && errno != ENXIO) next = offset_;
    if (next > offset_) {
      piece.hole = next - offset_;
      offset_ = next;
      ::lseek(descriptor_.number(), static_cast<off_t>(offset_), SEEK_SET);
      return piece;
    }
    off_t hole = ::lseek(descriptor_.number(), static_cast<off_t>(offset_), SEEK_HOLE);
    if (hole > static_cast<off_t>(offset_)) {
      std::uint64_t until_hole = static_cast<std::uint64_t>(hole) - offset_;
      room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), until_hole)));
    }
    ::lseek(descriptor_.number(), static_cast<off_t>(offset_), SEEK_SET);
  }
  ssize_t got;
  do {
    got = ::read(descriptor_.number(), room.data(), room.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return system_error(errno, "read");
  piece.bytes = static_cast<std::size_t>(got);
  offset_ += piece.bytes;
  return piece;
}

Task<Status> PipeSink::write(std::uint64_t, Buffer bytes) {
  auto job = [this, view = bytes.view()] { return write_all(descriptor_.number(), view); };
  co_return co_await env_.pool().run(job);
}

Task<Status> PipeSink::hole(std::uint64_t offset, std::uint64_t length) {
  const ByteVector zeros(64 * kKiB);
  while (length > 0) {
    std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(length, zeros.size()));
    auto job = [this, view = ByteView(zeros).first(part)] { return write_all(descriptor_.number(), view); };
    CO_RETURN_IF_ERROR(co_await env_.pool().run(job));
    offset += part;
    length -= part;
  }
  co_return Status();
}

FileSink::FileSink(Env& env, std::string path, std::string temporary, Descriptor descriptor)
    : env_(env), path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(std::move(descriptor)) {}

Result<std::unique_ptr<FileSink>> FileSink::create(Env& env, std::string path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode))
    return Error(Code::is_directory, path + " is a directory");
  // Its length has nothing to do with that of the name, which may be the longest there is.
  std::string temporary = path.substr(0, path.rfind('/') + 1) + ".vortex-XXXXXX";
  int number = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (number < 0) return system_error(errno, "write", path);
  return std::unique_ptr<FileSink>(new FileSink(env, std::move(path), std::move(temporary), Descriptor(number, true)));
}

FileSink::~FileSink() {
  if (!finished_) ::unlink(temporary_.c_str());
}

Task<Status> FileSink::write(std::uint64_t offset, Buffer bytes) {
  std::uint64_t at = offset - base_;
  auto job = [this, at, view = bytes.view()] { return write_all_at(descriptor_.number(), at, view); };
  CO_RETURN_IF_ERROR(co_await env_.pool().run(job));
  end_ = std::max(end_, at + bytes.size());
  co_return Status();
}

Task<Status> FileSink::hole(std::uint64_t offset, std::uint64_t length) {
  end_ = std::max(end_, offset - base_ + length);
  co_return Status();
}

timespec time_spec(std::int64_t modified) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t rest = (modified % kSecond + kSecond) % kSecond;
  timespec time;
  time.tv_sec = (modified - rest) / kSecond;
  time.tv_nsec = rest;
  return time;
}

Status FileSink::finish(std::uint32_t mode, std::int64_t modified) {
  int number = descriptor_.number();
  timespec times[2];
  times[0].tv_nsec = UTIME_OMIT;
  times[1] = time_spec(modified);
  bool done = ::ftruncate(number, static_cast<off_t>(end_)) == 0 && ::fchmod(number, mode & 07777) == 0 &&
              ::futimens(number, times) == 0 && ::rename(temporary_.c_str(), path_.c_str()) == 0;
  if (!done) return system_error(errno, "write", path_);
  finished_ = true;
  return Status();
}

}  // namespace vortex::remote
