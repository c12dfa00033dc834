#include "base/real/posix_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/real/system_error.h"
#include "base/yield.h"

namespace vortex {

namespace {
// Longer ones would keep the loop too long; a hop to a thread costs about as much as copying this.
constexpr std::size_t kInlineBytesMax = 256 << 10;
constexpr std::size_t kPiecesPerCall = 256;
constexpr std::size_t kZerosPerCall = 1 << 20;

iovec vector_of(ByteView bytes) {
  iovec result;
  result.iov_base = const_cast<std::uint8_t*>(bytes.data());
  result.iov_len = bytes.size();
  return result;
}

std::size_t total(std::span<const ByteView> pieces) {
  std::size_t sum = 0;
  for (ByteView piece : pieces) sum += piece.size();
  return sum;
}
}  // namespace

Result<PosixFile::Opened> PosixFile::open_now(const std::string& path, const OpenOptions& options) {
  int flags = O_CLOEXEC | (options.read_only ? O_RDONLY : O_RDWR);
  if (options.create) flags |= O_CREAT | (options.exclusive ? O_EXCL : 0);
  if (options.truncate && !options.read_only) flags |= O_TRUNC;
  Opened opened;
  opened.direct = options.direct;
  opened.descriptor = ::open(path.c_str(), flags | (options.direct ? O_DIRECT : 0), 0600);
  if (opened.descriptor < 0 && errno == EINVAL && options.direct) {
    opened.direct = false;
    opened.descriptor = ::open(path.c_str(), flags & ~O_EXCL, 0600);  // the first attempt may have made it
  }
  if (opened.descriptor < 0) return system_error(errno, "open", path);
  struct stat status;
  if (::fstat(opened.descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(opened.descriptor);
    return system_error(EISDIR, "open", path);
  }
  struct statfs system;
  opened.in_memory =
      ::fstatfs(opened.descriptor, &system) == 0 && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
  return opened;
}

// Closing the last descriptor of a removed file frees its space, which takes a while.
PosixFile::~PosixFile() {
  struct Close final : Workers::Job {
    explicit Close(int d) : descriptor(d) {}
    void work() override { ::close(descriptor); }
    void done() override { delete this; }
    int descriptor;
  };
  disk_.workers_.submit(*new Close(descriptor_));
}

Error PosixFile::failure(const char* action) const { return system_error(errno, action, path_); }

Result<std::size_t> PosixFile::read_now(std::uint64_t offset, MutableBytes into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    ssize_t got = ::pread(descriptor_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<std::size_t> PosixFile::read_cached(std::uint64_t offset, MutableBytes into) {
  if (opened_.in_memory) return read_now(offset, into);
  if (opened_.direct || !cache_can_be_asked_) return Code::busy;
  std::size_t done = 0;
  while (done < into.size()) {
    iovec vector = vector_of(into.subspan(done));
    ssize_t got = ::preadv2(descriptor_, &vector, 1, static_cast<off_t>(offset + done), RWF_NOWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return Code::busy;
    if (got < 0 && errno == EOPNOTSUPP) {
      cache_can_be_asked_ = false;
      return Code::busy;
    }
    if (got < 0) return failure("read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Task<Result<std::size_t>> PosixFile::read_at(std::uint64_t offset, MutableBytes into) {
  if (into.size() <= kInlineBytesMax) {
    if (disk_.must_yield(into.size())) co_await yield(disk_.loop_);
    auto cached = read_cached(offset, into);
    if (!cached.is(Code::busy)) co_return cached;
  }
  auto call = [this, offset, into] { return read_now(offset, into); };
  co_return co_await disk_.workers_.run(call);
}

Status PosixFile::write_now(std::uint64_t offset, std::span<const ByteView> pieces) const {
  std::array<iovec, kPiecesPerCall> vectors;
  std::size_t piece = 0, skip = 0;  // where the next call begins
  while (piece < pieces.size()) {
    std::size_t count = std::min(pieces.size() - piece, kPiecesPerCall);
    for (std::size_t i = 0; i < count; ++i) vectors[i] = vector_of(pieces[piece + i].subspan(i == 0 ? skip : 0));
    ssize_t wrote = ::pwritev(descriptor_, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return failure("write");
    auto bytes = static_cast<std::size_t>(wrote);
    offset += bytes;
    skip += bytes;
    while (piece < pieces.size() && skip >= pieces[piece].size()) skip -= pieces[piece++].size();
  }
  return Status();
}

Task<Status> PosixFile::write_at(std::uint64_t offset, std::span<const ByteView> pieces) {
  std::size_t bytes = total(pieces);
  if (opened_.in_memory && bytes <= kInlineBytesMax) {
    if (disk_.must_yield(bytes)) co_await yield(disk_.loop_);
    co_return write_now(offset, pieces);
  }
  auto call = [this, offset, pieces] { return write_now(offset, pieces); };
  co_return co_await disk_.workers_.run(call);
}

Status PosixFile::sync_now() const {
  if (::fdatasync(descriptor_) != 0) return failure("sync");
  return Status();
}

Task<Status> PosixFile::sync() {
  if (opened_.in_memory) co_return Status();
  auto call = [this] { return sync_now(); };
  co_return co_await disk_.workers_.run(call);
}

Task<Status> PosixFile::write_durable(std::uint64_t offset, std::span<const ByteView> pieces) {
  if (opened_.in_memory) co_return co_await write_at(offset, pieces);
  auto call = [this, offset, pieces]() -> Status {
    RETURN_IF_ERROR(write_now(offset, pieces));
    Status synced = sync_now();
    // Space that was promised to the write and is missing at the sync: what else was lost nobody knows.
    if (synced.is(Code::no_space)) return Error(Code::io_error, std::string(synced.error().message()));
    return synced;
  };
  co_return co_await disk_.workers_.run(call);
}

Status PosixFile::allocate_now(std::uint64_t offset, std::uint64_t length) const {
  auto from = static_cast<off_t>(offset), bytes = static_cast<off_t>(length);
  while (::fallocate(descriptor_, 0, from, bytes) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP) return failure("allocate");
    int number = ::posix_fallocate(descriptor_, from, bytes);
    if (number != 0) return system_error(number, "allocate", path_);
    break;
  }
  return Status();
}

Task<Status> PosixFile::allocate(std::uint64_t offset, std::uint64_t length) {
  auto call = [this, offset, length] { return allocate_now(offset, length); };
  co_return co_await disk_.workers_.run(call);
}

Status PosixFile::punch_hole_now(std::uint64_t offset, std::uint64_t length) const {
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  while (::fallocate(descriptor_, kMode, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP) return failure("punch a hole in");
    // This file system cannot give space back; what is read there is the same.
    ASSIGN_OR_RETURN(std::uint64_t size, size_now());
    std::uint64_t end = std::min(size, offset + length);
    Buffer zeros = Buffer::allocate(kZerosPerCall);
    std::ranges::fill(zeros.writable(), std::uint8_t(0));
    while (offset < end) {
      const ByteView piece =
          zeros.view().first(static_cast<std::size_t>(std::min<std::uint64_t>(kZerosPerCall, end - offset)));
      RETURN_IF_ERROR(write_now(offset, std::span(&piece, 1)));
      offset += piece.size();
    }
    break;
  }
  return Status();
}

Task<Status> PosixFile::punch_hole(std::uint64_t offset, std::uint64_t length) {
  auto call = [this, offset, length] { return punch_hole_now(offset, length); };
  co_return co_await disk_.workers_.run(call);
}

Task<Status> PosixFile::truncate(std::uint64_t size) {
  auto call = [this, size]() -> Status {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return failure("truncate");
    return Status();
  };
  co_return co_await disk_.workers_.run(call);
}

Result<std::uint64_t> PosixFile::size_now() const {
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) return failure("look at");
  return static_cast<std::uint64_t>(status.st_size);
}

// The attributes of an open file are in memory.
Task<Result<std::uint64_t>> PosixFile::size() { co_return size_now(); }

}  // namespace vortex
