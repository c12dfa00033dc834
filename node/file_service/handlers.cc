// From messages to the file service and back.
#include <algorithm>

#include "base/finish.h"
#include "base/window.h"
#include "net/channel.h"
#include "node/file_service/file_service.h"
#include "node/file_service/wire.h"
#include "node/kill_points.h"

namespace vortex::node {

namespace {

// What one answer may carry; a record more fits always.
constexpr std::size_t kListBytesMax = 640 * kKiB;
constexpr std::uint64_t kRemoveAtOnce = 10'000;
constexpr std::size_t kStoreFilesMax = 1024;
constexpr std::size_t kStoresAtOnce = 64;

// The rest of the request's time, less what the answer takes.
Duration time_left(Env& env, const net::Context& context) {
  return std::max<Duration>((context.deadline - env.now()) * 9 / 10, milliseconds(1));
}

Result<net::FileResponse> answer(Result<Inode> inode) {
  if (!inode.ok()) return std::move(inode).error();
  net::FileResponse response;
  response.inode = encode_record(*inode);
  return response;
}

Follow follow_of(bool follow) { return follow ? Follow::yes : Follow::no; }

Task<Result<net::OpenFileResponse>> serve(FileService& service, net::Context context, net::OpenFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Duration timeout = time_left(service.env(), context);
  CO_ASSIGN_OR_RETURN(OpenedFile file, co_await service.open(std::move(caller), std::move(request.path),
                                                             follow_of(request.follow), request.content, timeout));
  if (request.content) kill_point(service.env(), kill_points::kFileOpened);
  net::OpenFileResponse response;
  response.inode = encode_record(file.inode);
  response.content = std::move(file.content);
  co_return response;
}

// False when it does not fit any more.
bool add_entry(net::ListFilesResponse& response, net::ListedFile entry, std::size_t& bytes) {
  bytes += entry.name.size() + entry.inode.size() + 64;
  if (bytes > kListBytesMax && !response.entries.empty()) return false;
  response.entries.push_back(std::move(entry));
  return true;
}

Task<Result<net::ListFilesResponse>> serve(FileService& service, net::Context context, net::ListFilesRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Duration timeout = time_left(service.env(), context);
  net::ListFilesResponse response;
  std::size_t bytes = 0;
  bool whole = true;
  if (!request.details) {
    CO_ASSIGN_OR_RETURN(Listing listing, co_await service.names().list(std::move(caller), std::move(request.path),
                                                                       std::move(request.after), request.max, timeout));
    for (Listed& listed : listing.entries) {
      net::ListedFile entry;
      entry.name = std::move(listed.name);
      entry.id = listed.entry.id;
      entry.type = static_cast<std::uint8_t>(listed.entry.type);
      if (whole) whole = add_entry(response, std::move(entry), bytes);
    }
    response.more = listing.more || !whole;
    co_return response;
  }
  CO_ASSIGN_OR_RETURN(DetailedListing listing,
                      co_await service.names().list_details(std::move(caller), std::move(request.path),
                                                            std::move(request.after), request.max, timeout));
  for (ListedInode& listed : listing.entries) {
    net::ListedFile entry;
    entry.name = std::move(listed.name);
    entry.id = listed.inode.id;
    entry.type = static_cast<std::uint8_t>(listed.inode.type);
    entry.inode = encode_record(listed.inode);
    if (whole) whole = add_entry(response, std::move(entry), bytes);
  }
  response.more = listing.more || !whole;
  co_return response;
}

Task<Result<Inode>> store_one(FileService& service, Caller caller, net::StoreFileRequest request, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Attributes attributes, decode<Attributes>(request.attributes));
  co_return co_await service.store_small(std::move(caller), std::move(request.path), std::move(request.content),
                                         std::move(attributes), change_of(std::move(request.terms), timeout));
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::StoreFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Duration timeout = time_left(service.env(), context);
  co_return answer(co_await store_one(service, std::move(caller), std::move(request), timeout));
}

Task<void> store_into(FileService& service, Caller caller, net::StoreFileRequest request, Duration timeout,
                      net::StoredFileResult& out, Permit) {
  auto stored = co_await store_one(service, std::move(caller), std::move(request), timeout);
  if (stored.ok()) {
    out.inode = encode_record(*stored);
  } else {
    out.code = static_cast<std::uint16_t>(stored.error().code());
    out.message = std::string(stored.error().message());
  }
}

Task<Result<net::StoreFilesResponse>> serve(FileService& service, net::Context context,
                                            net::StoreFilesRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  if (request.files.size() > kStoreFilesMax) co_return Code::too_large;
  Duration timeout = time_left(service.env(), context);
  net::StoreFilesResponse response;
  response.results.resize(request.files.size());
  Window window(service.env().loop(), kStoresAtOnce);
  TaskGroup group(service.env().loop());
  bool cancelled = false;
  for (std::size_t i = 0; i < request.files.size() && !cancelled; ++i) {
    auto permit = co_await window.acquire(1);
    cancelled = !permit.ok();
    if (cancelled) break;
    group.spawn(
        store_into(service, caller, std::move(request.files[i]), timeout, response.results[i], std::move(*permit)));
  }
  co_await finish(group);
  if (cancelled) co_return Code::cancelled;
  co_return response;
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::MakeDirectoryRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  CO_ASSIGN_OR_RETURN(Attributes attributes, decode<Attributes>(request.attributes));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  if (request.above)
    co_return answer(co_await service.names().mkdir_all(std::move(caller), std::move(request.path),
                                                        std::move(attributes), std::move(change)));
  co_return answer(co_await service.names().mkdir(std::move(caller), std::move(request.path), std::move(attributes),
                                                  std::move(change)));
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::LinkFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  co_return answer(co_await service.names().link(std::move(caller), std::move(request.path), std::move(request.to),
                                                 std::move(change)));
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::MakeSymlinkRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  CO_ASSIGN_OR_RETURN(Attributes attributes, decode<Attributes>(request.attributes));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  co_return answer(co_await service.names().symlink(std::move(caller), std::move(request.target),
                                                    std::move(request.path), std::move(attributes), std::move(change)));
}

Task<Result<net::RenameFileResponse>> serve(FileService& service, net::Context context,
                                            net::RenameFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  RenameOptions options;
  options.no_replace = request.no_replace;
  CO_RETURN_IF_ERROR(co_await service.names().rename(std::move(caller), std::move(request.path), std::move(request.to),
                                                     options, std::move(change)));
  co_return net::RenameFileResponse();
}

Task<Result<net::RemoveFileResponse>> serve(FileService& service, net::Context context,
                                            net::RemoveFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  net::RemoveFileResponse response;
  response.entries = 1;
  response.done = true;
  if (request.what == net::RemoveWhat::tree) {
    std::uint64_t max = std::min(request.max, kRemoveAtOnce);
    CO_ASSIGN_OR_RETURN(RemovedTree removed, co_await service.names().remove_tree(
                                                 std::move(caller), std::move(request.path), max, std::move(change)));
    response.entries = removed.entries;
    response.done = removed.done;
  } else if (request.what == net::RemoveWhat::directory) {
    CO_RETURN_IF_ERROR(co_await service.names().rmdir(std::move(caller), std::move(request.path), std::move(change)));
  } else {
    CO_RETURN_IF_ERROR(co_await service.names().unlink(std::move(caller), std::move(request.path), std::move(change)));
  }
  co_return response;
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::SetAttributesRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  CO_ASSIGN_OR_RETURN(AttributeChange attributes, decode<AttributeChange>(request.change));
  // Nobody is to find out by his first file.
  if (attributes.policy) CO_RETURN_IF_ERROR(storable(*attributes.policy));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  co_return answer(co_await service.names().set(std::move(caller), std::move(request.path), follow_of(request.follow),
                                                std::move(attributes), std::move(change)));
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::CopyFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  co_return answer(
      co_await service.copy(std::move(caller), std::move(request.path), std::move(request.to), std::move(change)));
}

Task<Result<net::LocateFileResponse>> serve(FileService& service, net::Context context,
                                            net::LocateFileRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Duration timeout = time_left(service.env(), context);
  CO_ASSIGN_OR_RETURN(FileService::Located located,
                      co_await service.locate(std::move(caller), std::move(request.path), timeout));
  net::LocateFileResponse response;
  response.place = located.place;
  response.inode = encode_record(located.inode);
  co_return response;
}

template <class Method>
void serve_with(net::Dispatcher& dispatcher, FileService& service) {
  FileService* self = &service;
  dispatcher.on<Method>([self](net::Context context, typename Method::Request request) {
    return serve(*self, std::move(context), std::move(request));
  });
}

}  // namespace

void serve_uploads(net::Dispatcher& dispatcher, FileService& service);

void FileService::serve(net::Dispatcher& dispatcher) {
  serve_with<net::OpenFile>(dispatcher, *this);
  serve_with<net::ListFiles>(dispatcher, *this);
  serve_with<net::StoreFile>(dispatcher, *this);
  serve_with<net::StoreFiles>(dispatcher, *this);
  serve_with<net::MakeDirectory>(dispatcher, *this);
  serve_with<net::LinkFile>(dispatcher, *this);
  serve_with<net::MakeSymlink>(dispatcher, *this);
  serve_with<net::RenameFile>(dispatcher, *this);
  serve_with<net::RemoveFile>(dispatcher, *this);
  serve_with<net::SetAttributes>(dispatcher, *this);
  serve_with<net::CopyFile>(dispatcher, *this);
  serve_with<net::LocateFile>(dispatcher, *this);
  serve_uploads(dispatcher, *this);
}

}  // namespace vortex::node
