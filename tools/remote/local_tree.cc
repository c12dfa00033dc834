#include "tools/remote/local_tree.h"

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
      : to_(to), wish_(wish), done_(done), crowd_(crowd) {}

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
    auto send = [this](Pending files) { return store(std::move(files)); };
    Pending files;
    files.swap(pending_);
    co_return co_await crowd_.add(send, std::move(files));
  }

 private:
  using Pending = std::vector<std::pair<std::string, std::string>>;  // source and path
  static constexpr std::size_t kFilesInRequest = 256;
  static constexpr std::size_t kBytesInRequest = 512 * kKiB;
  static constexpr std::size_t kPerFile = 256;

  Task<Status> store(Pending files);

  Remote& to_;
  const StoreWish wish_;
  Transfer& done_;
  Crowd& crowd_;
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

Task<Status> SmallFiles::store(Pending files) {
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

Task<Status> store_link(Remote& to, std::string source, std::string path) {
  std::error_code error;
  std::string target = fs::read_symlink(source, error).string();
  if (error) co_return Error(Code::io_error, "cannot read " + source + ": " + error.message());
  node::Attributes attributes;
  attributes.mode = 0777;
  auto made = co_await to.names.make_symlink(target, path, attributes, to.timeout);
  if (made.is(Code::exists)) co_return Status();
  if (!made.ok()) co_return about(path, made.error());
  co_return Status();
}

Task<Status> store_directory(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done,
                             Crowd& crowd, SmallFiles& small) {
  node::Attributes attributes;
  struct stat info {};
  attributes.mode = ::stat(source.c_str(), &info) == 0 ? info.st_mode & node::kModeMask : 0755;
  auto made = co_await to.names.make_directory(path, true, attributes, to.timeout);
  if (!made.ok()) co_return about(path, made.error());
  ++done.directories;
  std::error_code error;
  fs::directory_iterator entries(source, error);
  if (error) co_return Error(Code::io_error, "cannot read " + source + ": " + error.message());
  for (const fs::directory_entry& entry : entries) {
    std::string from = entry.path().string(), name = below(path, entry.path().filename().string());
    bool goes_on = true;
    if (entry.is_symlink(error)) {
      auto make = [&to](std::string a, std::string b) { return store_link(to, std::move(a), std::move(b)); };
      goes_on = co_await crowd.add(make, from, name);
    } else if (entry.is_directory(error)) {
      CO_RETURN_IF_ERROR(co_await store_directory(to, from, name, wish, done, crowd, small));
    } else if (entry.is_regular_file(error) && small.fits(entry.file_size(error))) {
      goes_on = co_await small.add(from, name, entry.file_size(error));
    } else if (entry.is_regular_file(error)) {
      auto make = [&to, &done, wish](std::string a, std::string b) {
        return store_file(to, std::move(a), std::move(b), wish, done);
      };
      goes_on = co_await crowd.add(make, from, name);
    }
    if (!goes_on) break;
  }
  co_return Status();
}

Task<Status> fetch_directory(Remote& from, std::string path, std::string target, Transfer& done, Crowd& crowd) {
  std::error_code error;
  fs::create_directories(target, error);
  if (error) co_return Error(Code::io_error, "cannot make " + target + ": " + error.message());
  ++done.directories;
  std::string after;
  bool more = true;
  while (more) {
    auto page = co_await from.names.list(path, after, kPageSize, from.timeout);
    if (!page.ok()) co_return about(path, page.error());
    for (const auto& entry : page->entries) {
      std::string source = below(path, entry.name), here = below(target, entry.name);
      bool goes_on = true;
      if (entry.inode.type == node::FileType::directory) {
        CO_RETURN_IF_ERROR(co_await fetch_directory(from, source, here, done, crowd));
      } else if (entry.inode.type == node::FileType::symlink) {
        fs::create_symlink(entry.inode.target, here, error);
        bool bad = error && error != std::errc::file_exists;
        if (bad) co_return Error(Code::io_error, "cannot make " + here + ": " + error.message());
      } else {
        auto make = [&from, &done](std::string a, std::string b) {
          return fetch_file(from, std::move(a), std::move(b), Range(), done);
        };
        goes_on = co_await crowd.add(make, source, here);
      }
      if (!goes_on) co_return Status();
      after = entry.name;
    }
    more = page->more && !page->entries.empty();
  }
  co_return Status();
}

}  // namespace

Task<Status> store_tree(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done) {
  Crowd crowd(to.env);
  SmallFiles small(to, wish, done, crowd);
  Status walked = co_await store_directory(to, std::move(source), std::move(path), wish, done, crowd, small);
  if (walked.ok()) (void)co_await small.flush();
  if (!walked.ok()) crowd.fail(walked.error());
  co_return co_await crowd.finish();
}

Task<Status> fetch_tree(Remote& from, std::string path, std::string target, Transfer& done) {
  Crowd crowd(from.env);
  Status walked = co_await fetch_directory(from, std::move(path), std::move(target), done, crowd);
  if (!walked.ok()) crowd.fail(walked.error());
  co_return co_await crowd.finish();
}

}  // namespace vortex::remote
