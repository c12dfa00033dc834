#include "node/api/core.h"
#include "node/api/operations.h"

namespace vortex::api {

namespace {

using node::ClientParts;
using node::Inode;
template <class T>
using Make = node::Engine::Make<T>;

node::StoreTerms terms_of(const StoreOptions& options) {
  node::StoreTerms terms;
  terms.only_if.absent = options.if_absent;
  terms.only_if.version = options.if_version;
  terms.mode = options.mode;
  if (options.modified) terms.modified = file_time(*options.modified);
  return terms;
}

Make<Inode> to_store(std::string path, ByteView bytes, StoreOptions options) {
  return [path = std::move(path), bytes, terms = terms_of(options)](ClientParts& parts) {
    return node::store_bytes(parts, path, bytes, terms);
  };
}
Make<Inode> to_write(std::string path, std::uint64_t offset, ByteView bytes) {
  return [path = std::move(path), offset, bytes](ClientParts& parts) {
    return node::write_bytes(parts, path, offset, bytes);
  };
}
Make<Inode> to_append(std::string path, ByteView bytes) {
  return [path = std::move(path), bytes](ClientParts& parts) { return node::append_bytes(parts, path, bytes); };
}
Make<Bytes> to_fetch(std::string path, FetchOptions options) {
  return [path = std::move(path), options](ClientParts& parts) {
    return node::fetch_bytes(parts, path, options.offset, options.length);
  };
}
Make<Inode> to_stat(std::string path, bool follow) {
  return [path = std::move(path), follow](ClientParts& parts) { return parts.names.stat(path, follow, parts.timeout); };
}
Make<node::RemoteNames::Listing> to_list(std::string path, std::string after, std::uint32_t max) {
  return [path = std::move(path), after = std::move(after), max](ClientParts& parts) {
    return parts.names.list(path, after, max, parts.timeout);
  };
}
Make<Inode> to_set(std::string path, AttributeChange change) {
  return [path = std::move(path), change = change_of(std::move(change))](ClientParts& parts) {
    return parts.names.set(path, true, change, parts.timeout);
  };
}
Make<Inode> to_make_directory(std::string path, bool parents) {
  return [path = std::move(path), parents](ClientParts& parts) { return node::make_directory(parts, path, parents); };
}
Make<Inode> to_make_symlink(std::string target, std::string path) {
  return [target = std::move(target), path = std::move(path)](ClientParts& parts) {
    return node::make_symlink(parts, target, path);
  };
}
Make<Inode> to_link(std::string path, std::string to) {
  return [path = std::move(path), to = std::move(to)](ClientParts& parts) {
    return parts.names.link(path, to, parts.timeout);
  };
}
Make<Inode> to_copy(std::string path, std::string to) {
  return [path = std::move(path), to = std::move(to)](ClientParts& parts) {
    return parts.names.copy(path, to, parts.timeout);
  };
}
Make<void> to_rename(std::string path, std::string to, bool no_replace) {
  return [path = std::move(path), to = std::move(to), no_replace](ClientParts& parts) {
    return parts.names.rename(path, to, no_replace, parts.timeout);
  };
}
Make<void> to_remove(std::string path, net::RemoveWhat what) {
  return [path = std::move(path), what](ClientParts& parts) { return parts.names.remove(path, what, parts.timeout); };
}
Make<std::uint64_t> to_remove_tree(std::string path) {
  return [path = std::move(path)](ClientParts& parts) { return parts.names.remove_tree(path, parts.timeout); };
}

Listing listing_of(node::RemoteNames::Listing found) {
  Listing listing;
  listing.more = found.more;
  for (node::RemoteNames::Named& named : found.entries) {
    DirectoryEntry& entry = listing.entries.emplace_back();
    entry.name = std::move(named.name);
    entry.info = info_of(named.inode);
  }
  return listing;
}

// What a call returns of what came back.
Bytes same_bytes(Bytes bytes) { return bytes; }
std::uint64_t same_number(std::uint64_t number) { return number; }

std::function<void(vortex::Result<Inode>)> done_without_value(Done<void> done) {
  return [done = std::move(done)](vortex::Result<Inode> result) {
    done(result.ok() ? Status() : Status(to_public(result.error())));
  };
}
std::function<void(vortex::Result<void>)> done_with_status(Done<void> done) {
  return [done = std::move(done)](vortex::Result<void> result) {
    done(result.ok() ? Status() : Status(to_public(result.error())));
  };
}
template <class T>
Status status_of(const vortex::Result<T>& result) {
  return result.ok() ? Status() : Status(to_public(result.error()));
}

// The bytes live as long as what is to be done with them.
template <class T>
Make<T> keeping(std::shared_ptr<Bytes> bytes, Make<T> make) {
  return [bytes = std::move(bytes), make = std::move(make)](ClientParts& parts) { return make(parts); };
}

}  // namespace

Client::Client(std::shared_ptr<Core> core) : core_(std::move(core)) {}

Client& Client::operator=(Client&& other) noexcept {
  if (core_ && core_ != other.core_) core_->engine->stop();
  core_ = std::move(other.core_);
  return *this;
}

Client::~Client() {
  if (core_) core_->engine->stop();
}

Result<Version> Client::store(std::string path, std::span<const std::byte> bytes, StoreOptions options) {
  return core_->run<Version>(to_store(std::move(path), view_of(bytes), std::move(options)), version_of);
}
Result<Version> Client::store(std::string path, std::string_view text, StoreOptions options) {
  return store(std::move(path), as_bytes(text), std::move(options));
}
void Client::store_async(std::string path, Bytes bytes, StoreOptions options, Done<Version> done) {
  auto kept = std::make_shared<Bytes>(std::move(bytes));
  core_->engine->start<Inode>(keeping(kept, to_store(std::move(path), view_of(*kept), std::move(options))),
                              answer_to<Version, Inode>(std::move(done), version_of));
}

Result<Bytes> Client::fetch(std::string path, FetchOptions options) {
  return core_->run<Bytes>(to_fetch(std::move(path), options), same_bytes);
}
void Client::fetch_async(std::string path, FetchOptions options, Done<Bytes> done) {
  core_->engine->start<Bytes>(to_fetch(std::move(path), options), answer_to<Bytes, Bytes>(std::move(done), same_bytes));
}

Result<Version> Client::write_at(std::string path, std::uint64_t offset, std::span<const std::byte> bytes) {
  return core_->run<Version>(to_write(std::move(path), offset, view_of(bytes)), version_of);
}
void Client::write_at_async(std::string path, std::uint64_t offset, Bytes bytes, Done<Version> done) {
  auto kept = std::make_shared<Bytes>(std::move(bytes));
  core_->engine->start<Inode>(keeping(kept, to_write(std::move(path), offset, view_of(*kept))),
                              answer_to<Version, Inode>(std::move(done), version_of));
}
Result<Version> Client::append(std::string path, std::span<const std::byte> bytes) {
  return core_->run<Version>(to_append(std::move(path), view_of(bytes)), version_of);
}
void Client::append_async(std::string path, Bytes bytes, Done<Version> done) {
  auto kept = std::make_shared<Bytes>(std::move(bytes));
  core_->engine->start<Inode>(keeping(kept, to_append(std::move(path), view_of(*kept))),
                              answer_to<Version, Inode>(std::move(done), version_of));
}

Result<FileInfo> Client::stat(std::string path, bool follow) {
  return core_->run<FileInfo>(to_stat(std::move(path), follow), info_of);
}
void Client::stat_async(std::string path, bool follow, Done<FileInfo> done) {
  core_->engine->start<Inode>(to_stat(std::move(path), follow), answer_to<FileInfo, Inode>(std::move(done), info_of));
}
Result<Listing> Client::list(std::string path, std::string after, std::uint32_t max) {
  return core_->run<Listing>(to_list(std::move(path), std::move(after), max), listing_of);
}
void Client::list_async(std::string path, std::string after, std::uint32_t max, Done<Listing> done) {
  using Found = node::RemoteNames::Listing;
  core_->engine->start<Found>(to_list(std::move(path), std::move(after), max),
                              answer_to<Listing, Found>(std::move(done), listing_of));
}
Status Client::set_attributes(std::string path, AttributeChange change) {
  return status_of(core_->engine->run<Inode>(to_set(std::move(path), std::move(change))));
}
void Client::set_attributes_async(std::string path, AttributeChange change, Done<void> done) {
  core_->engine->start<Inode>(to_set(std::move(path), std::move(change)), done_without_value(std::move(done)));
}

Status Client::make_directory(std::string path, bool parents) {
  return status_of(core_->engine->run<Inode>(to_make_directory(std::move(path), parents)));
}
void Client::make_directory_async(std::string path, bool parents, Done<void> done) {
  core_->engine->start<Inode>(to_make_directory(std::move(path), parents), done_without_value(std::move(done)));
}
Status Client::make_symlink(std::string target, std::string path) {
  return status_of(core_->engine->run<Inode>(to_make_symlink(std::move(target), std::move(path))));
}
void Client::make_symlink_async(std::string target, std::string path, Done<void> done) {
  core_->engine->start<Inode>(to_make_symlink(std::move(target), std::move(path)), done_without_value(std::move(done)));
}
Status Client::link(std::string path, std::string to) {
  return status_of(core_->engine->run<Inode>(to_link(std::move(path), std::move(to))));
}
void Client::link_async(std::string path, std::string to, Done<void> done) {
  core_->engine->start<Inode>(to_link(std::move(path), std::move(to)), done_without_value(std::move(done)));
}
Result<Version> Client::copy(std::string path, std::string to) {
  return core_->run<Version>(to_copy(std::move(path), std::move(to)), version_of);
}
void Client::copy_async(std::string path, std::string to, Done<Version> done) {
  core_->engine->start<Inode>(to_copy(std::move(path), std::move(to)),
                              answer_to<Version, Inode>(std::move(done), version_of));
}
Status Client::rename(std::string path, std::string to, bool no_replace) {
  return status_of(core_->engine->run<void>(to_rename(std::move(path), std::move(to), no_replace)));
}
void Client::rename_async(std::string path, std::string to, bool no_replace, Done<void> done) {
  core_->engine->start<void>(to_rename(std::move(path), std::move(to), no_replace), done_with_status(std::move(done)));
}
Status Client::remove(std::string path) {
  return status_of(core_->engine->run<void>(to_remove(std::move(path), net::RemoveWhat::file)));
}
void Client::remove_async(std::string path, Done<void> done) {
  core_->engine->start<void>(to_remove(std::move(path), net::RemoveWhat::file), done_with_status(std::move(done)));
}
Status Client::remove_directory(std::string path) {
  return status_of(core_->engine->run<void>(to_remove(std::move(path), net::RemoveWhat::directory)));
}
void Client::remove_directory_async(std::string path, Done<void> done) {
  core_->engine->start<void>(to_remove(std::move(path), net::RemoveWhat::directory), done_with_status(std::move(done)));
}
Result<std::uint64_t> Client::remove_tree(std::string path) {
  return core_->run<std::uint64_t>(to_remove_tree(std::move(path)), same_number);
}
void Client::remove_tree_async(std::string path, Done<std::uint64_t> done) {
  core_->engine->start<std::uint64_t>(to_remove_tree(std::move(path)),
                                      answer_to<std::uint64_t, std::uint64_t>(std::move(done), same_number));
}

}  // namespace vortex::api
