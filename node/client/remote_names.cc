#include "node/client/remote_names.h"

#include "node/file_service/wire.h"

namespace vortex::node {

namespace {

constexpr std::uint64_t kRemoveStep = 2000;

Result<Inode> inode_of(Result<net::FileResponse> response) {
  if (!response.ok()) return std::move(response).error();
  return decode_record<Inode>(response->inode);
}

}  // namespace

Change RemoteNames::change(Duration timeout) {
  Change change;
  change.timeout = timeout;
  env_.random().fill(change.operation.emplace());
  return change;
}

Task<Result<Inode>> RemoteNames::stat(std::string path, bool follow, Duration timeout) {
  net::OpenFileRequest request;
  request.path = std::move(path);
  request.follow = follow;
  CO_ASSIGN_OR_RETURN(net::OpenFileResponse response,
                      co_await files_.call<net::OpenFile>(std::move(request), true, timeout));
  co_return decode_record<Inode>(response.inode);
}

Task<Result<RemoteNames::Listing>> RemoteNames::list(std::string path, std::string after, std::uint32_t max,
                                                     Duration timeout) {
  net::ListFilesRequest request;
  request.path = std::move(path);
  request.after = std::move(after);
  request.max = max;
  request.details = true;
  CO_ASSIGN_OR_RETURN(net::ListFilesResponse response,
                      co_await files_.call<net::ListFiles>(std::move(request), true, timeout));
  Listing listing;
  listing.more = response.more;
  for (net::ListedFile& file : response.entries) {
    Named named;
    named.name = std::move(file.name);
    CO_ASSIGN_OR_RETURN(named.inode, decode_record<Inode>(file.inode));
    listing.entries.push_back(std::move(named));
  }
  co_return listing;
}

Task<Result<Inode>> RemoteNames::make_directory(std::string path, bool above, Attributes attributes, Duration timeout) {
  net::MakeDirectoryRequest request;
  request.path = std::move(path);
  request.above = above;
  request.attributes = encode(attributes);
  request.terms = terms_of(change(timeout));
  co_return inode_of(co_await files_.call<net::MakeDirectory>(std::move(request), true, timeout));
}

Task<Result<Inode>> RemoteNames::make_symlink(std::string target, std::string path, Attributes attributes,
                                              Duration timeout) {
  net::MakeSymlinkRequest request;
  request.target = std::move(target);
  request.path = std::move(path);
  request.attributes = encode(attributes);
  request.terms = terms_of(change(timeout));
  co_return inode_of(co_await files_.call<net::MakeSymlink>(std::move(request), true, timeout));
}

Task<Result<Inode>> RemoteNames::link(std::string path, std::string to, Duration timeout) {
  net::LinkFileRequest request;
  request.path = std::move(path);
  request.to = std::move(to);
  request.terms = terms_of(change(timeout));
  co_return inode_of(co_await files_.call<net::LinkFile>(std::move(request), true, timeout));
}

Task<Result<Inode>> RemoteNames::copy(std::string path, std::string to, Duration timeout) {
  net::CopyFileRequest request;
  request.path = std::move(path);
  request.to = std::move(to);
  request.terms = terms_of(change(timeout));
  co_return inode_of(co_await files_.call<net::CopyFile>(std::move(request), true, timeout));
}

Task<Status> RemoteNames::rename(std::string path, std::string to, bool no_replace, Duration timeout) {
  net::RenameFileRequest request;
  request.path = std::move(path);
  request.to = std::move(to);
  request.no_replace = no_replace;
  request.terms = terms_of(change(timeout));
  auto response = co_await files_.call<net::RenameFile>(std::move(request), true, timeout);
  if (!response.ok()) co_return std::move(response).error();
  co_return Status();
}

Task<Result<Inode>> RemoteNames::set(std::string path, bool follow, AttributeChange attributes, Duration timeout) {
  net::SetAttributesRequest request;
  request.path = std::move(path);
  request.follow = follow;
  request.change = encode(attributes);
  request.terms = terms_of(change(timeout));
  co_return inode_of(co_await files_.call<net::SetAttributes>(std::move(request), true, timeout));
}

Task<Status> RemoteNames::remove(std::string path, net::RemoveWhat what, Duration timeout) {
  net::RemoveFileRequest request;
  request.path = std::move(path);
  request.what = what;
  request.terms = terms_of(change(timeout));
  auto response = co_await files_.call<net::RemoveFile>(std::move(request), true, timeout);
  if (!response.ok()) co_return std::move(response).error();
  co_return Status();
}

Task<Result<std::uint64_t>> RemoteNames::remove_tree(std::string path, Duration timeout) {
  std::uint64_t entries = 0;
  const net::ChangeTerms terms = terms_of(change(timeout));
  while (true) {
    net::RemoveFileRequest request;
    request.path = path;
    request.what = net::RemoveWhat::tree;
    request.max = kRemoveStep;
    request.terms = terms;
    auto response = co_await files_.call<net::RemoveFile>(std::move(request), true, timeout);
    // Somebody else was at it, too, and has come to the end first.
    if (response.is(Code::not_found) && entries > 0) co_return entries;
    if (!response.ok()) co_return std::move(response).error();
    entries += response->entries;
    if (response->done) co_return entries;
  }
}

}  // namespace vortex::node
