#include "tests/sim/disk.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "tests/sim/drive.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {

// An operation that takes effect as a whole or not at all.
class WholeCall final : public DiskCall {
 public:
  WholeCall(Process& process, DiskOp op, std::string_view path, std::uint64_t number, std::function<Status()> action)
      : DiskCall(process, op, path, number, 0), action_(std::move(action)) {}

 private:
  Status apply() override { return action_(); }
  void abandon(Dice& dice, bool) override {
    if (dice.chance(0.5)) (void)action_();
  }
  std::function<Status()> action_;
};

class ReadCall final : public DiskCall {
 public:
  ReadCall(Process& process, std::string_view path, Inode& inode, std::uint64_t offset, MutableBytes into)
      : DiskCall(process, DiskOp::read, path, inode.number, into.size()),
        drive_(process.machine().drive()),
        inode_(inode),
        offset_(offset),
        into_(into) {}
  std::size_t size() const { return size_; }

 private:
  Status apply() override {
    size_ = inode_.content.read(offset_, into_);
    if (!inode_.readable(offset_, size_)) return Code::io_error;
    Dice& dice = drive_.dice();
    double flips = drive_.options().read_flips;
    if (size_ > 0 && flips > 0 && dice.chance(flips))
      into_[dice.below(size_)] ^= static_cast<std::uint8_t>(1u << dice.below(8));
    return Status();
  }
  void abandon(Dice&, bool) override {}

  Drive& drive_;
  Inode& inode_;
  std::uint64_t offset_;
  MutableBytes into_;
  std::size_t size_ = 0;
};

class WriteCall final : public DiskCall {
 public:
  WriteCall(Process& process, std::string_view path, Inode& inode, std::uint64_t offset,
            std::span<const ByteView> pieces, std::uint64_t bytes)
      : DiskCall(process, DiskOp::write, path, inode.number, bytes), inode_(inode), offset_(offset), pieces_(pieces) {}

 private:
  Status write(std::uint64_t limit) {
    std::uint64_t offset = offset_;
    for (ByteView piece : pieces_) {
      piece = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), limit)));
      if (piece.empty()) continue;
      if (inode_.content.write(offset, piece) < piece.size()) return Code::no_space;
      inode_.written(offset, piece.size());
      offset += piece.size();
      limit -= piece.size();
    }
    return Status();
  }
  Status apply() override { return write(bytes()); }
  void fail(Dice& dice) override { (void)write(dice.between(0, bytes())); }
  void abandon(Dice& dice, bool) override { fail(dice); }

  Inode& inode_;
  std::uint64_t offset_;
  std::span<const ByteView> pieces_;
};

class SyncCall final : public DiskCall {
 public:
  SyncCall(Process& process, std::string_view path, Inode& inode)
      : DiskCall(process, DiskOp::sync, path, inode.number, 0), inode_(inode) {}

 private:
  void begin() override { inode_.content.begin_sync(); }
  Status apply() override {
    inode_.content.end_sync(true);
    return Status();
  }
  void fail(Dice&) override { inode_.content.end_sync(false); }
  void abandon(Dice& dice, bool power_cut) override {
    if (power_cut) return;  // the drive settles it
    if (dice.chance(0.5)) {
      inode_.content.end_sync(true);
    } else {
      inode_.content.abandon_sync();
    }
  }
  Inode& inode_;
};

class SimLock final : public FileLock {
 public:
  SimLock(Process& process, InodePtr inode)
      : process_(process), inode_(std::move(inode)), epoch_(process.machine().drive().epoch()) {}
  ~SimLock() override {
    if (epoch_ == process_.machine().drive().epoch()) inode_->lock_holder = 0;
  }

 private:
  Process& process_;
  InodePtr inode_;
  std::uint64_t epoch_;
};

}  // namespace

class SimFile final : public File {
 public:
  SimFile(Process& process, Event& sync_ended, std::string path, InodePtr inode, const OpenOptions& options)
      : process_(process),
        drive_(process.machine().drive()),
        sync_ended_(sync_ended),
        path_(std::move(path)),
        inode_(std::move(inode)),
        options_(options),
        epoch_(drive_.epoch()) {
    ++inode_->open;
  }
  ~SimFile() override {
    if (epoch_ != drive_.epoch()) return;
    --inode_->open;
    inode_->count_pages();
  }

  Task<Result<std::size_t>> read_at(std::uint64_t offset, MutableBytes into) override {
    if (!aligned(offset, into.size())) co_return Code::invalid_argument;
    ReadCall call(process_, path_, *inode_, offset, into);
    CO_RETURN_IF_ERROR(co_await call.run());
    co_return call.size();
  }

  Result<std::size_t> read_cached(std::uint64_t offset, MutableBytes into) override {
    if (process_.dead()) return Code::cancelled;
    if (!aligned(offset, into.size())) return Code::invalid_argument;
    if (options_.direct || !drive_.dice().chance(drive_.options().cached)) return Code::busy;
    if (!inode_->readable(offset, into.size())) return Code::busy;
    return inode_->content.read(offset, into);
  }

  Task<Status> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override {
    if (options_.read_only) co_return Error(Code::permission_denied, "opened for reading only");
    std::uint64_t bytes = 0;
    bool fits = true;
    for (ByteView piece : pieces) {
      bytes += piece.size();
      fits = fits && aligned(offset, piece.size());
    }
    if (!fits) co_return Code::invalid_argument;
    WriteCall call(process_, path_, *inode_, offset, pieces, bytes);
    co_return co_await call.run();
  }

  Task<Status> sync() override {
    while (inode_->content.syncing() && !process_.dead()) {
      bool woken = co_await sync_ended_.wait();
      if (!woken) co_return Code::cancelled;
    }
    SyncCall call(process_, path_, *inode_);
    Status status = co_await call.run();
    sync_ended_.notify_all();
    co_return status;
  }

  Task<Status> allocate(std::uint64_t offset, std::uint64_t length) override {
    auto action = [this, offset, length] {
      return inode_->content.allocate(offset, length) ? Status() : Status(Code::no_space);
    };
    return change(DiskOp::allocate, action);
  }
  Task<Status> punch_hole(std::uint64_t offset, std::uint64_t length) override {
    auto action = [this, offset, length] {
      inode_->content.punch(offset, length);
      return Status();
    };
    return change(DiskOp::punch_hole, action);
  }
  Task<Status> truncate(std::uint64_t size) override {
    auto action = [this, size] {
      inode_->content.truncate(size);
      return Status();
    };
    return change(DiskOp::truncate, action);
  }

  Task<Result<std::uint64_t>> size() override {
    auto action = [] { return Status(); };
    WholeCall call(process_, DiskOp::size, path_, inode_->number, std::function<Status()>(action));
    CO_RETURN_IF_ERROR(co_await call.run());
    co_return inode_->content.size();
  }

 private:
  bool aligned(std::uint64_t offset, std::size_t size) const {
    return !options_.direct || (offset % Buffer::kAlignment == 0 && size % Buffer::kAlignment == 0);
  }
  Task<Status> change(DiskOp op, std::function<Status()> action) {
    if (options_.read_only) co_return Error(Code::permission_denied, "opened for reading only");
    WholeCall call(process_, op, path_, inode_->number, std::move(action));
    co_return co_await call.run();
  }

  Process& process_;
  Drive& drive_;
  Event& sync_ended_;
  const std::string path_;
  const InodePtr inode_;
  const OpenOptions options_;
  const std::uint64_t epoch_;
};

SimDisk::SimDisk(Process& process) : process_(process), sync_ended_(process.loop()) {}

Task<Result<std::unique_ptr<File>>> SimDisk::open(std::string path, OpenOptions options) {
  InodePtr inode;
  auto action = [this, &path, &options, &inode]() -> Status {
    ASSIGN_OR_RETURN(inode, process_.machine().drive().files().open(path, options));
    return Status();
  };
  WholeCall call(process_, DiskOp::open, path, 0, std::function<Status()>(action));
  CO_RETURN_IF_ERROR(co_await call.run());
  std::unique_ptr<File> file = std::make_unique<SimFile>(process_, sync_ended_, path, inode, options);
  co_return file;
}

Task<Status> SimDisk::rename(std::string from, std::string to) {
  auto action = [this, &from, &to] { return process_.machine().drive().files().rename(from, to); };
  WholeCall call(process_, DiskOp::rename, from, 0, std::function<Status()>(action));
  co_return co_await call.run();
}

Task<Status> SimDisk::remove(std::string path) {
  auto action = [this, &path] { return process_.machine().drive().files().remove(path); };
  WholeCall call(process_, DiskOp::remove, path, 0, std::function<Status()>(action));
  co_return co_await call.run();
}

Task<Status> SimDisk::make_directories(std::string path) {
  auto action = [this, &path] { return process_.machine().drive().files().make_directories(path); };
  WholeCall call(process_, DiskOp::make_directories, path, 0, std::function<Status()>(action));
  co_return co_await call.run();
}

Task<Status> SimDisk::sync_directory(std::string path) {
  auto action = [this, &path] { return process_.machine().drive().files().sync_directory(path); };
  WholeCall call(process_, DiskOp::sync_directory, path, 0, std::function<Status()>(action));
  co_return co_await call.run();
}

Task<Result<std::vector<DirectoryEntry>>> SimDisk::list(std::string path) {
  std::vector<DirectoryEntry> entries;
  auto action = [this, &path, &entries]() -> Status {
    ASSIGN_OR_RETURN(entries, process_.machine().drive().files().list(path));
    return Status();
  };
  WholeCall call(process_, DiskOp::list, path, 0, std::function<Status()>(action));
  CO_RETURN_IF_ERROR(co_await call.run());
  co_return entries;
}

Task<Result<DiskSpace>> SimDisk::space(std::string path) {
  auto action = [] { return Status(); };
  WholeCall call(process_, DiskOp::space, path, 0, std::function<Status()>(action));
  CO_RETURN_IF_ERROR(co_await call.run());
  const Space& space = process_.machine().drive().space();
  DiskSpace result;
  result.total = space.capacity;
  result.available = space.capacity - std::min(space.used, space.capacity);
  co_return result;
}

Task<Result<std::unique_ptr<FileLock>>> SimDisk::lock(std::string path) {
  std::unique_ptr<FileLock> lock;
  auto action = [this, &path, &lock]() -> Status {
    OpenOptions options;
    options.create = true;
    ASSIGN_OR_RETURN(auto inode, process_.machine().drive().files().open(path, options));
    if (inode->lock_holder != 0) return Error(Code::in_use, path);
    inode->lock_holder = process_.number();
    lock = std::make_unique<SimLock>(process_, inode);
    return Status();
  };
  WholeCall call(process_, DiskOp::lock, path, 0, std::function<Status()>(action));
  CO_RETURN_IF_ERROR(co_await call.run());
  co_return lock;
}

}  // namespace vortex::sim
