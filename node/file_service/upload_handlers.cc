// From messages about uploads and chunk records to the file service and back.
#include <algorithm>

#include "net/channel.h"
#include "node/file_service/file_service.h"
#include "node/file_service/wire.h"

namespace vortex::node {

void serve_uploads(net::Dispatcher& dispatcher, FileService& service);

namespace {

constexpr std::size_t kFindChunksMax = 256;
constexpr std::size_t kAddChunksMax = 1024;

Duration time_left(Env& env, const net::Context& context) {
  return std::max<Duration>((context.deadline - env.now()) * 9 / 10, milliseconds(1));
}

Task<Result<net::OpenUploadResponse>> serve(FileService& service, net::Context context,
                                            net::OpenUploadRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  Duration timeout = time_left(service.env(), context);
  CO_ASSIGN_OR_RETURN(OpenedUpload opened, co_await service.open_upload(std::move(caller), std::move(request.path),
                                                                        request.replicas, timeout));
  net::OpenUploadResponse response;
  response.upload = upload_id(opened.upload);
  response.policy = encode(opened.policy);
  response.copies_min = opened.copies_min;
  co_return response;
}

Task<Result<net::RenewUploadResponse>> serve(FileService& service, net::Context context,
                                             net::RenewUploadRequest request) {
  CO_RETURN_IF_ERROR(
      co_await service.chunks().renew_upload(upload_name(request.upload), time_left(service.env(), context)));
  co_return net::RenewUploadResponse();
}

Task<Result<net::AddCopiesResponse>> serve(FileService& service, net::Context context, net::AddCopiesRequest request) {
  if (request.copies.size() > kAddChunksMax) co_return Code::too_large;
  std::vector<StoredCopies> copies;
  for (const ByteVector& bytes : request.copies) {
    CO_ASSIGN_OR_RETURN(StoredCopies stored, decode<StoredCopies>(bytes));
    copies.push_back(std::move(stored));
  }
  CO_RETURN_IF_ERROR(
      co_await service.add_copies(upload_name(request.upload), std::move(copies), time_left(service.env(), context)));
  co_return net::AddCopiesResponse();
}

Task<Result<net::AddReferencesResponse>> serve(FileService& service, net::Context context,
                                               net::AddReferencesRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  if (request.chunks.size() > kAddChunksMax) co_return Code::too_large;
  CO_RETURN_IF_ERROR(co_await service.add_references(std::move(caller), upload_name(request.upload),
                                                     std::move(request.path), std::move(request.chunks),
                                                     time_left(service.env(), context)));
  co_return net::AddReferencesResponse();
}

Task<Result<net::FileResponse>> serve(FileService& service, net::Context context, net::CommitUploadRequest request) {
  CO_ASSIGN_OR_RETURN(Caller caller, service.caller_of(context));
  CommitOrder order;
  CO_ASSIGN_OR_RETURN(order.manifest, decode<chunker::Manifest>(request.manifest));
  CO_ASSIGN_OR_RETURN(order.attributes, decode<Attributes>(request.attributes));
  order.upload = upload_name(request.upload);
  order.keeps_uploads = request.keeps_uploads;
  Change change = change_of(std::move(request.terms), time_left(service.env(), context));
  CO_ASSIGN_OR_RETURN(Inode inode, co_await service.commit(std::move(caller), std::move(request.path), std::move(order),
                                                           std::move(change)));
  net::FileResponse response;
  response.inode = encode_record(inode);
  co_return response;
}

Task<Result<net::AbortUploadResponse>> serve(FileService& service, net::Context context,
                                             net::AbortUploadRequest request) {
  CO_RETURN_IF_ERROR(
      co_await service.chunks().abort_upload(upload_name(request.upload), time_left(service.env(), context)));
  co_return net::AbortUploadResponse();
}

Task<Result<net::FindChunksResponse>> serve(FileService& service, net::Context context,
                                            net::FindChunksRequest request) {
  if (request.chunks.size() > kFindChunksMax) co_return Code::too_large;
  CO_ASSIGN_OR_RETURN(auto found,
                      co_await service.find_chunks(std::move(request.chunks), time_left(service.env(), context)));
  net::FindChunksResponse response;
  for (const std::optional<ChunkRecord>& record : found) {
    response.records.emplace_back();
    if (record) response.records.back() = encode_record(*record);
  }
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

void serve_uploads(net::Dispatcher& dispatcher, FileService& service) {
  serve_with<net::OpenUpload>(dispatcher, service);
  serve_with<net::RenewUpload>(dispatcher, service);
  serve_with<net::AddCopies>(dispatcher, service);
  serve_with<net::AddReferences>(dispatcher, service);
  serve_with<net::CommitUpload>(dispatcher, service);
  serve_with<net::AbortUpload>(dispatcher, service);
  serve_with<net::FindChunks>(dispatcher, service);
}

}  // namespace vortex::node
