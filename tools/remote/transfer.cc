#include "tools/remote/transfer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "node/fetch/fetcher.h"
#include "node/store/storer.h"
#include "tools/remote/file_text.h"
#include "tools/remote/local_io.h"

namespace vortex::remote {

namespace {

constexpr std::uint32_t kPageSize = 1000;

class Nowhere final : public node::ByteSink {
 public:
  Task<Status> write(std::uint64_t, Buffer) override { co_return Status(); }
  Task<Status> hole(std::uint64_t, std::uint64_t) override { co_return Status(); }
};

Task<Result<node::Inode>> fetch_to(Remote& from, std::string path, node::ByteSink& to, Range range,
                                   Progress* progress) {
  CountedSink sink(to, progress);
  node::FetchOptions options;
  options.record_timeout = from.timeout;
  options.offset = range.offset;
  options.length = range.length;
  if (range.from_end) {
    CO_ASSIGN_OR_RETURN(node::Inode inode, co_await from.names.stat(path, true, from.timeout));
    options.offset = inode.size - std::min(inode.size, *range.from_end);
    options.length = *range.from_end;
  }
  node::Fetcher fetcher(from.env, from.files, from.holders);
  co_return co_await fetcher.fetch(path, sink, options);
}

// What a fetch came to, said of the file: a chunk that nobody knows is not a file that is not there.
Task<Error> why_not(Remote& from, std::string path, Error error) {
  if (error.is(Code::not_found)) {
    auto there = co_await from.names.stat(path, true, from.timeout);
    if (there.ok()) co_return about(path, Error(Code::damaged, "bytes of it are nowhere to be found"));
  }
  co_return about(path, error);
}

}  // namespace

node::Attributes attributes_of(Env& env, const std::string& source) {
  node::Attributes attributes;
  attributes.modified = env.clock().wall_now().time_since_epoch().count();
  struct stat about {};
  if (source != "-" && ::stat(source.c_str(), &about) == 0) {
    attributes.mode = about.st_mode & node::kModeMask;
    attributes.modified = std::int64_t(about.st_mtim.tv_sec) * 1'000'000'000 + about.st_mtim.tv_nsec;
    if (attributes.modified == 0) attributes.modified = 1;  // 0 asks for the time of the store
  }
  attributes.accessed = attributes.changed = attributes.born = attributes.modified;
  return attributes;
}

bool unchanged(const node::Inode& there, const node::Attributes& here, std::uint64_t size) {
  return there.type == node::FileType::regular && there.size == size && there.attributes.modified == here.modified;
}

Task<Status> store_file(Remote& to, std::string source, std::string path, StoreWish wish, Transfer& done) {
  CO_ASSIGN_OR_RETURN(Descriptor descriptor, open_to_read(source));
  DescriptorSource file(to.env, std::move(descriptor));
  CountedSource bytes(file, done.progress);
  node::StoreOptions options;
  options.attributes = attributes_of(to.env, source);
  options.replicas = wish.replicas;
  if (wish.resume && source != "-") {
    auto there = co_await to.names.stat(path, true, to.timeout);
    bool same = there.ok() && unchanged(*there, options.attributes, file.size());
    if (same) {
      ++done.skipped;
      co_return Status();
    }
  }
  options.record_timeout = to.timeout;
  options.change = to.names.change(to.timeout);
  options.change.only_if.absent = wish.if_absent;
  options.change.only_if.version = wish.if_version;
  node::Storer storer(to.env, to.files, to.holders);
  Result<node::Inode> stored(Code::internal);
  if (wish.offset) {
    stored = co_await storer.write(path, *wish.offset, bytes, options);
    // Nothing of the source was read yet.
    bool begins = *wish.offset == StoreWish::kAtEnd && stored.is(Code::not_found);
    if (begins) options.change = to.names.change(to.timeout);
    if (begins) options.change.only_if.absent = true;
    if (begins) stored = co_await storer.store(path, bytes, options);
  } else {
    stored = co_await storer.store(path, bytes, options);
  }
  if (!stored.ok()) co_return about(path, stored.error());
  ++done.files;
  done.bytes += stored->size;
  done.bytes_sent += storer.stats().bytes_sent;
  done.copies_found += storer.stats().copies_found;
  if (done.progress) {
    done.progress->copies(storer.stats().copies_sent + storer.stats().copies_found);
    done.progress->file(path, stored->size);
  }
  done.last = std::move(*stored);
  co_return Status();
}

Task<Status> fetch_file(Remote& from, std::string path, std::string target, Range range, Transfer& done) {
  if (target == "-") {
    PipeSink sink(from.env, Descriptor(STDOUT_FILENO, false));
    auto fetched = co_await fetch_to(from, path, sink, range, nullptr);
    if (!fetched.ok()) co_return co_await why_not(from, path, fetched.error());
    ++done.files;
    co_return Status();
  }
  CO_ASSIGN_OR_RETURN(std::unique_ptr<FileSink> sink, FileSink::create(from.env, target));
  if (range.from_end) {
    CO_ASSIGN_OR_RETURN(node::Inode inode, co_await from.names.stat(path, true, from.timeout));
    range.offset = inode.size - std::min(inode.size, *range.from_end);
    range.from_end.reset();
  }
  sink->begin_at(range.offset);
  auto fetched = co_await fetch_to(from, path, *sink, range, done.progress);
  if (!fetched.ok()) co_return co_await why_not(from, path, fetched.error());
  CO_RETURN_IF_ERROR(sink->finish(fetched->attributes.mode, fetched->attributes.modified));
  ++done.files;
  done.bytes += fetched->size;
  if (done.progress) done.progress->file(target, fetched->size);
  co_return Status();
}

namespace {

// As long as somebody replaces the file while it is read.
constexpr int kVerifyTries = 5;

Task<Status> verify_file(Remote& from, std::string path, Verified& seen) {
  for (int tries = 0; tries < kVerifyTries; ++tries) {
    Nowhere nowhere;
    auto before = co_await from.names.stat(path, false, from.timeout);
    if (before.is(Code::not_found)) co_return Status();  // it was removed meanwhile
    if (!before.ok()) co_return about(path, before.error());
    auto read = co_await fetch_to(from, path, nowhere, Range(), nullptr);
    bool gone = read.is(Code::damaged) || read.is(Code::not_found);
    if (gone) {
      auto after = co_await from.names.stat(path, false, from.timeout);
      if (!after.ok() || after->version != before->version) continue;
    }
    ++seen.checked;
    if (gone) seen.damaged.push_back(path);
    if (read.is(Code::unreachable)) seen.unreadable.push_back(path);
    if (!read.ok() && !gone && !read.is(Code::unreachable)) co_return about(path, read.error());
    co_return Status();
  }
  seen.unreadable.push_back(path);
  co_return Status();
}

}  // namespace

Task<Status> verify(Remote& from, std::string path, Verified& seen) {
  auto inode = co_await from.names.stat(path, false, from.timeout);
  if (!inode.ok()) co_return about(path, inode.error());
  if (inode->type == node::FileType::symlink) co_return Status();
  if (inode->type == node::FileType::regular) co_return co_await verify_file(from, path, seen);
  std::string after;
  bool more = true;
  while (more) {
    auto page = co_await from.names.list(path, after, kPageSize, from.timeout);
    if (!page.ok()) co_return about(path, page.error());
    for (const auto& entry : page->entries) {
      Status below_it = co_await verify(from, below(path, entry.name), seen);
      if (!below_it.ok() && !below_it.is(Code::not_found)) co_return below_it;
      after = entry.name;
    }
    more = page->more && !page->entries.empty();
  }
  co_return Status();
}

}  // namespace vortex::remote
