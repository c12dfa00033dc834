#include "tools/remote/local_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/task_group.h"
#include "base/window.h"
#include "tools/remote/file_text.h"
#include "tools/remote/local_io.h"
#include "tools/remote/local_link.h"

namespace vortex::remote {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesAtOnce = 64;
constexpr std::uint32_t kPageSize = 1000;

// Files on their way, so many at once, until one fails.
class Crowd {
 public:
  explicit Crowd(Env& env) : places_(env.loop(), kFilesAtOnce), tasks_(env.loop()) {}

  // Waits for a place. False when something has failed.
  template <class Make, class... Args>
  Task<bool> add(Make make, Args... args) {
    auto permit = co_await places_.acquire(1);
    if (!permit.ok() && status_.ok()) status_ = permit.error();
    if (!status_.ok()) co_return false;
    tasks_.spawn(follow(make(std::move(args)...), std::move(*permit)));
    co_return true;
  }
  Task<Status> finish() {
    co_await tasks_.join();
    co_return status_;
  }
  void fail(Error error) {
    if (status_.ok()) status_ = std::move(error);
  }

 private:
  Task<void> follow(Task<Status> task, Permit) {
    Status done = co_await std::move(task);
    if (!done.ok()) fail(done.error());
  }

  Status status_;
  Window places_;
  TaskGroup tasks_;
};

// Small files on their way to one directory, many in one request: what a round trip costs is shared.
class SmallFiles {
 public:
  SmallFiles(Remote& to, StoreWish wish, Transfer& done, Crowd& crowd)
      : to_(to), wish_(wish), done_(done), crowd_(crowd), requests_(to.env.loop(), kRequestsAtOnce) {}

  // Files of this size can live with their name.
  bool fits(std::uint64_t size) const {
    return size <= kInlineMax && wish_.replicas == 0 && !wish_.if_version && !wish_.resume && !wish_.offset;
  }
  Task<bool> add(std::string source, std::string path, std::uint64_t size) {
    bytes_ += size + kPerFile;
    pending_.emplace_back(std::move(source), std::move(path));
    if (pending_.size() < kFilesInRequest && bytes_ < kBytesInRequest) co_return true;
    co_return co_await flush();
  }
  Task<bool> flush() {
    bytes_ = 0;
    if (pending_.empty()) co_return true;
    auto send = [this](Pending files, Permit permit) { return store(std::move(files), std::move(permit)); };
    Pending files;
    files.swap(pending_);
    auto permit = co_await requests_.acquire(1);
    if (!permit.ok()) crowd_.fail(permit.error());
    if (!permit.ok()) co_return false;
    co_return co_await crowd_.add(send, std::move(files), std::move(*permit));
  }

 private:
  using Pending = std::vector<std::pair<std::string, std::string>>;  // source and path
  static constexpr std::size_t kFilesInRequest = 256;
  // More would only wait at the nodes, and what waits there for too long fails.
  static constexpr std::size_t kRequestsAtOnce = 8;
  static constexpr std::size_t kBytesInRequest = 512 * kKiB;
  static constexpr std::size_t kPerFile = 256;

  Task<Status> store(Pending files, Permit);

  Remote& to_;
  const StoreWish wish_;
  Transfer& done_;
  Crowd& crowd_;
  Window requests_;
  Pending pending_;
  std::size_t bytes_ = 0;
};

// Nothing for one that has grown meanwhile.
Result<std::optional<ByteVector>> read_small(const std::string& source) {
  ASSIGN_OR_RETURN(Descriptor descriptor, open_to_read(source));
  ByteVector bytes(kInlineMax + 1);
  std::size_t have = 0;
  while (have < bytes.size()) {
    ssize_t got = ::read(descriptor.number(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(Code::io_error, "cannot read " + source + ": " + std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have > kInlineMax) return std::optional<ByteVector>();
  bytes.resize(have);
  return std::optional(std::move(bytes));
}

Task<Status> SmallFiles::store(Pending files, Permit) {
  std::vector<node::RemoteFiles::SmallFile> request;
  Pending sent, alone;
  for (auto& [source, path] : files) {
    CO_ASSIGN_OR_RETURN(std::optional<ByteVector> content, read_small(source));
    if (!content) {
      alone.emplace_back(source, path);
      continue;
    }
    node::RemoteFiles::SmallFile& file = request.emplace_back();
    file.path = path;
    file.attributes = attributes_of(to_.env, source);
    file.change = to_.names.change(to_.timeout);
    file.change.only_if.absent = wish_.if_absent;
    file.content = std::move(*content);
    sent.emplace_back(source, path);
  }
  CO_ASSIGN_OR_RETURN(auto results, co_await to_.files.store_many(std::move(request), to_.timeout));
  for (std::size_t i = 0; i < results.size(); ++i) {
    Result<node::Inode>& result = results[i];
    // The directory's policy wants chunks of it; or the leader asks for patience.
    bool by_itself = result.is(Code::too_large) || (!result.ok() && code_info(result.error().code()).retry_may_help);
    if (by_itself) alone.push_back(sent[i]);
    if (by_itself) continue;
    if (!result.ok()) co_return about(sent[i].second, result.error());
    ++done_.files;
    done_.bytes += result->size;
    if (done_.progress) done_.progress->moved(result->size);
    if (done_.progress) done_.progress->file(sent[i].second, result->size);
  }
  for (auto& [source, path] : alone) CO_RETURN_IF_ERROR(co_await store_file(to_, source, path, wish_, done_));
  co_return Status();
}

// Directories whose modes and times are set when everything in them is there: each entry that comes changes the time.
struct Directories {
  struct One {
    std::string path;
    std::uint32_t mode = 0;
    node::FileTime modified = 0;
  };
  std::vector<One> all;  // each behind those above it
};

// One walk over a directory of this machine into the cluster.
class StoreWalk {
 public:
  StoreWalk(Remote& to, StoreWish wish, Transfer& done)
      : to_(to), wish_(wish), done_(done), crowd_(to.env), small_(to, wish, done, crowd_) {}

  Task<Status> run(std::string source, std::string path) {
    Status walked = co_await directory(std::move(source), std::move(path));
    if (walked.ok()) (void)co_await small_.flush();
    if (!walked.ok()) crowd_.fail(walked.error());
    CO_RETURN_IF_ERROR(co_await crowd_.finish());
    Crowd finishing(to_.env);
    for (; !directories_.all.empty(); directories_.all.pop_back()) {
      auto set = [this](Directories::One one) { return finish_directory(std::move(one)); };
      bool goes_on = co_await finishing.add(set, std::move(directories_.all.back()));
      if (!goes_on) break;
    }
    co_return co_await finishing.finish();
  }

 private:
  Task<Status> directory(std::string source, std::string path);
  // False when something has failed.
  Task<Result<bool>> entry(std::string source, std::string path, fs::file_type type);
  Task<Status> finish_directory(Directories::One one) {
    node::AttributeChange change;
    change.mode = one.mode;
    change.modified = one.modified;
    auto set = co_await to_.names.set(one.path, false, std::move(change), to_.timeout);
    if (!set.ok()) co_return about(one.path, set.error());
    co_return Status();
  }

  Remote& to_;
  const StoreWish wish_;
  Transfer& done_;
  Crowd crowd_;
  SmallFiles small_;
  Directories directories_;
};

Task<Status> StoreWalk::directory(std::string source, std::string path) {
  node::Attributes attributes = attributes_of(to_.env, source);
  auto made = co_await to_.names.make_directory(path, true, attributes, to_.timeout);
  if (!made.ok()) co_return about(path, made.error());
  Directories::One& one = directories_.all.emplace_back();
  one.path = path;
  one.mode = attributes.mode;
  one.modified = attributes.modified;
  ++done_.directories;
  std::error_code error;
  fs::directory_iterator each(source, error), end;
  for (; !error && each != end; each.increment(error)) {
    std::string from = each->path().string(), name = below(path, each->path().filename().string());
    fs::file_type type = each->symlink_status(error).type();
    if (error) co_return Error(Code::io_error, "cannot read " + from + ": " + error.message());
    CO_ASSIGN_OR_RETURN(bool goes_on, co_await entry(from, name, type));
    if (!goes_on) co_return Status();
  }
  if (error) co_return Error(Code::io_error, "cannot read " + source + ": " + error.message());
  co_return Status();
}

Task<Result<bool>> StoreWalk::entry(std::string source, std::string path, fs::file_type type) {
  if (type == fs::file_type::directory) {
    CO_RETURN_IF_ERROR(co_await directory(source, path));
    co_return true;
  }
  if (type == fs::file_type::symlink) {
    auto make = [this](std::string a, std::string b) {
      return store_link(to_, std::move(a), std::move(b), wish_.if_absent);
    };
    co_return co_await crowd_.add(make, source, path);
  }
  if (type != fs::file_type::regular) {
    ++done_.left_out;
    done_.left_out_last = source;
    co_return true;
  }
  std::error_code error;
  std::uint64_t size = fs::file_size(source, error);
  if (error) co_return Error(Code::io_error, "cannot read " + source + ": " + error.message());
  if (small_.fits(size)) co_return co_await small_.add(source, path, size);
  auto make = [this](std::string a, std::string b) {
    return store_file(to_, std::move(a), std::move(b), wish_, done_);
  };
  co_return co_await crowd_.add(make, source, path);
}

// One walk over a directory of the cluster to this machine.
class FetchWalk {
 public:
  FetchWalk(Remote& from, Transfer& done) : from_(from), done_(done), crowd_(from.env) {}

  Task<Status> run(std::string path, std::string target) {
    auto top = co_await from_.names.stat(path, true, from_.timeout);
    if (!top.ok()) co_return about(path, top.error());
    Status walked = co_await directory(std::move(path), std::move(target), top->attributes);
    if (!walked.ok()) crowd_.fail(walked.error());
    CO_RETURN_IF_ERROR(co_await crowd_.finish());
    for (; !directories_.all.empty(); directories_.all.pop_back())
      CO_RETURN_IF_ERROR(finish_directory(directories_.all.back()));
    co_return Status();
  }

 private:
  Task<Status> directory(std::string path, std::string target, node::Attributes attributes);
  // Until it is whole, only its owner may look into it.
  Status make_directory(const std::string& target);
  Status finish_directory(const Directories::One& one);
  // False when something has failed.
  Task<Result<bool>> entry(std::string source, std::string here, node::Inode inode);

  Remote& from_;
  Transfer& done_;
  Crowd crowd_;
  Directories directories_;
};

Status FetchWalk::make_directory(const std::string& target) {
  std::error_code error;
  if (fs::is_symlink(target, error))
    return Error(Code::exists, target + " is a symbolic link here, and what is fetched does not go through it");
  fs::create_directories(fs::path(target).parent_path(), error);
  if (::mkdir(target.c_str(), 0700) == 0) return Status();
  int why = errno;
  if (why == EEXIST && fs::is_directory(target, error)) return Status();
  return Error(Code::io_error, "cannot make " + target + ": " + std::strerror(why));
}

Status FetchWalk::finish_directory(const Directories::One& one) {
  timespec times[2];
  times[0].tv_nsec = UTIME_OMIT;
  times[1] = time_spec(one.modified);
  bool done = ::chmod(one.path.c_str(), one.mode & node::kModeMask) == 0 &&
              ::utimensat(AT_FDCWD, one.path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0;
  if (!done) return Error(Code::io_error, "cannot finish " + one.path + ": " + std::strerror(errno));
  return Status();
}

Task<Status> FetchWalk::directory(std::string path, std::string target, node::Attributes attributes) {
  CO_RETURN_IF_ERROR(make_directory(target));
  Directories::One& one = directories_.all.emplace_back();
  one.path = target;
  one.mode = attributes.mode;
  one.modified = attributes.modified;
  ++done_.directories;
  std::string after;
  bool more = true;
  while (more) {
    auto page = co_await from_.names.list(path, after, kPageSize, from_.timeout);
    if (!page.ok()) co_return about(path, page.error());
    for (const auto& each : page->entries) {
      std::string source = below(path, each.name), here = below(target, each.name);
      CO_ASSIGN_OR_RETURN(bool goes_on, co_await entry(std::move(source), std::move(here), each.inode));
      if (!goes_on) co_return Status();
      after = each.name;
    }
    more = page->more && !page->entries.empty();
  }
  co_return Status();
}

Task<Result<bool>> FetchWalk::entry(std::string source, std::string here, node::Inode inode) {
  if (inode.type == node::FileType::directory) {
    CO_RETURN_IF_ERROR(co_await directory(std::move(source), std::move(here), std::move(inode.attributes)));
    co_return true;
  }
  if (inode.type == node::FileType::symlink) {
    CO_RETURN_IF_ERROR(fetch_link(from_.env.random(), inode.target, here));
    co_return true;
  }
  auto make = [this](std::string a, std::string b) {
    return fetch_file(from_, std::move(a), std::move(b), Range(), done_);
  };
  co_return co_await crowd_.add(make, std::move(source), std::move(here));
}

}  // namespace

Task<Status> store_tree(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done) {
  StoreWalk walk(to, wish, done);
  co_return co_await walk.run(std::move(source), std::move(path));
}

Task<Status> fetch_tree(Remote& from, std::string path, std::string target, Transfer& done) {
  FetchWalk walk(from, done);
  co_return co_await walk.run(std::move(path), std::move(target));
}

}  // namespace vortex::remote
