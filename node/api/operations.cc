#include "node/api/operations.h"

#include <algorithm>

namespace vortex::node {

namespace {

constexpr std::uint64_t kInMemoryMax = 16 * kGiB;
// Others that append to the same file at the same time.
constexpr unsigned kAppendTries = 64;

class VectorSink final : public ByteSink {
 public:
  explicit VectorSink(std::size_t size) { bytes_.reserve(size); }
  Task<Status> write(std::uint64_t, Buffer bytes) override {
    auto view = std::as_bytes(std::span(bytes.data(), bytes.size()));
    bytes_.insert(bytes_.end(), view.begin(), view.end());
    co_return Status();
  }
  Task<Status> hole(std::uint64_t, std::uint64_t length) override {
    bytes_.resize(bytes_.size() + length);
    co_return Status();
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

Attributes attributes_now(Env& env, std::uint32_t mode) {
  Attributes attributes;
  attributes.mode = mode;
  attributes.modified = env.clock().wall_now().time_since_epoch().count();
  attributes.accessed = attributes.changed = attributes.born = attributes.modified;
  return attributes;
}

}  // namespace

StoreOptions store_options(ClientParts& parts, const StoreTerms& terms) {
  StoreOptions options;
  options.attributes = attributes_now(parts.env, terms.mode & kModeMask);
  if (terms.modified) options.attributes.modified = *terms.modified;
  options.change = parts.names.change(parts.timeout);
  options.change.only_if = terms.only_if;
  options.record_timeout = parts.timeout;
  return options;
}

Task<Result<Inode>> store_bytes(ClientParts& parts, std::string path, ByteView bytes, StoreTerms terms) {
  MemorySource source(bytes);
  Storer storer(parts.env, parts.files, parts.holders);
  co_return co_await storer.store(std::move(path), source, store_options(parts, terms));
}

Task<Result<Inode>> write_bytes(ClientParts& parts, std::string path, std::uint64_t offset, ByteView bytes) {
  MemorySource source(bytes);
  Storer storer(parts.env, parts.files, parts.holders);
  StoreTerms terms;
  co_return co_await storer.write(std::move(path), offset, source, store_options(parts, terms));
}

Task<Result<Inode>> append_bytes(ClientParts& parts, std::string path, ByteView bytes) {
  for (unsigned tries = 0;; ++tries) {
    auto written = co_await write_bytes(parts, path, Storer::kAtEnd, bytes);
    bool missing = written.is(Code::not_found);
    if (missing) {
      StoreTerms terms;
      terms.only_if.absent = true;
      written = co_await store_bytes(parts, path, bytes, terms);
    }
    bool beaten = written.is(Code::precondition_failed) || (missing && written.is(Code::exists));
    if (!beaten || tries == kAppendTries) co_return written;
  }
}

Task<Result<std::vector<std::byte>>> fetch_bytes(ClientParts& parts, std::string path, std::uint64_t offset,
                                                 std::uint64_t length) {
  CO_ASSIGN_OR_RETURN(OpenedFile file, co_await parts.files.open(std::move(path), parts.timeout));
  std::uint64_t size = file.inode.size - std::min(file.inode.size, offset);
  size = std::min(size, length);
  if (size > kInMemoryMax)
    co_return Error(Code::too_large, "these are " + std::to_string(size) + " bytes: a stream takes them, memory not");
  VectorSink sink(size);
  FetchOptions options;
  options.offset = offset;
  options.length = length;
  options.record_timeout = parts.timeout;
  Fetcher fetcher(parts.env, parts.files, parts.holders);
  CO_RETURN_IF_ERROR(co_await fetcher.fetch(std::move(file), sink, std::move(options)));
  co_return sink.take();
}

Task<Result<Inode>> make_directory(ClientParts& parts, std::string path, bool parents) {
  Attributes attributes = attributes_now(parts.env, 0755);
  co_return co_await parts.names.make_directory(std::move(path), parents, std::move(attributes), parts.timeout);
}

Task<Result<Inode>> make_symlink(ClientParts& parts, std::string target, std::string path) {
  Attributes attributes = attributes_now(parts.env, 0777);
  co_return co_await parts.names.make_symlink(std::move(target), std::move(path), std::move(attributes), parts.timeout);
}

}  // namespace vortex::node
