#include "node/client/remote_files.h"

#include "node/file_service/wire.h"

namespace vortex::node {

namespace {

Result<Inode> inode_in(Result<net::FileResponse> response) {
  if (!response.ok()) return std::move(response).error();
  return decode_record<Inode>(response->inode);
}

template <class T>
Status status_in(const Result<T>& response) {
  if (!response.ok()) return response.error();
  return Status();
}

}  // namespace

Task<Result<OpenedFile>> RemoteFiles::open(std::string path, Duration timeout) {
  net::OpenFileRequest request;
  request.path = std::move(path);
  request.content = true;
  CO_ASSIGN_OR_RETURN(net::OpenFileResponse response, co_await call<net::OpenFile>(std::move(request), true, timeout));
  OpenedFile file;
  CO_ASSIGN_OR_RETURN(file.inode, decode_record<Inode>(response.inode));
  if (file.inode.manifest) CO_RETURN_IF_ERROR(chunker::validate(*file.inode.manifest));
  file.content = std::move(response.content);
  co_return file;
}

Task<Result<Inode>> RemoteFiles::store_small(std::string path, ByteVector content, Attributes attributes,
                                             Change change) {
  net::StoreFileRequest request;
  request.path = std::move(path);
  request.content = std::move(content);
  request.attributes = encode(attributes);
  request.terms = terms_of(change);
  bool named = change.operation.has_value();
  co_return inode_in(co_await call<net::StoreFile>(std::move(request), named, change.timeout));
}

Task<Result<std::vector<Result<Inode>>>> RemoteFiles::store_many(std::vector<SmallFile> files, Duration timeout) {
  net::StoreFilesRequest request;
  bool named = true;
  for (SmallFile& file : files) {
    net::StoreFileRequest& one = request.files.emplace_back();
    one.path = std::move(file.path);
    one.content = std::move(file.content);
    one.attributes = encode(file.attributes);
    one.terms = terms_of(file.change);
    named = named && file.change.operation.has_value();
  }
  CO_ASSIGN_OR_RETURN(net::StoreFilesResponse response,
                      co_await call<net::StoreFiles>(std::move(request), named, timeout));
  if (response.results.size() != files.size()) co_return Error(Code::bad_message, "another number of results");
  std::vector<Result<Inode>> results;
  for (net::StoredFileResult& result : response.results) {
    if (result.code == 0) {
      results.push_back(decode_record<Inode>(result.inode));
    } else {
      results.emplace_back(Error(code_from_number(result.code), std::move(result.message)));
    }
  }
  co_return results;
}

Task<Result<net::LocateFileResponse>> RemoteFiles::locate(std::string path, Duration timeout) {
  net::LocateFileRequest request;
  request.path = std::move(path);
  co_return co_await call<net::LocateFile>(std::move(request), true, timeout);
}

Task<Result<OpenedUpload>> RemoteFiles::open_upload(std::string path, std::uint8_t replicas, Duration timeout) {
  net::OpenUploadRequest request;
  request.path = std::move(path);
  request.replicas = replicas;
  // One that is opened twice is aborted by the janitor once.
  CO_ASSIGN_OR_RETURN(net::OpenUploadResponse response,
                      co_await call<net::OpenUpload>(std::move(request), true, timeout));
  OpenedUpload opened;
  opened.upload = upload_name(response.upload);
  opened.copies_min = response.copies_min;
  CO_ASSIGN_OR_RETURN(opened.policy, decode<FilePolicy>(response.policy));
  CO_RETURN_IF_ERROR(validate(opened.policy));
  co_return opened;
}

Task<Status> RemoteFiles::renew_upload(UploadName upload, Duration timeout) {
  net::RenewUploadRequest request;
  request.upload = upload_id(upload);
  co_return status_in(co_await call<net::RenewUpload>(std::move(request), true, timeout));
}

Task<Status> RemoteFiles::add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout) {
  net::AddCopiesRequest request;
  request.upload = upload_id(upload);
  for (const StoredCopies& stored : copies) request.copies.push_back(encode(stored));
  co_return status_in(co_await call<net::AddCopies>(std::move(request), true, timeout));
}

Task<Status> RemoteFiles::add_references(UploadName upload, std::string path, std::vector<ChunkId> chunks,
                                         Duration timeout) {
  net::AddReferencesRequest request;
  request.upload = upload_id(upload);
  request.path = std::move(path);
  request.chunks = std::move(chunks);
  co_return status_in(co_await call<net::AddReferences>(std::move(request), true, timeout));
}

Task<Result<Inode>> RemoteFiles::commit(std::string path, CommitOrder order, Change change) {
  net::CommitUploadRequest request;
  request.path = std::move(path);
  request.upload = upload_id(order.upload);
  request.manifest = encode(order.manifest);
  request.keeps_uploads = order.keeps_uploads;
  request.attributes = encode(order.attributes);
  request.terms = terms_of(change);
  bool named = change.operation.has_value();
  co_return inode_in(co_await call<net::CommitUpload>(std::move(request), named, change.timeout));
}

Task<Status> RemoteFiles::abort_upload(UploadName upload, Duration timeout) {
  net::AbortUploadRequest request;
  request.upload = upload_id(upload);
  co_return status_in(co_await call<net::AbortUpload>(std::move(request), true, timeout));
}

Task<Result<std::vector<std::optional<ChunkRecord>>>> RemoteFiles::find_chunks(std::vector<ChunkId> chunks,
                                                                               Duration timeout) {
  net::FindChunksRequest request;
  std::size_t asked = chunks.size();
  request.chunks = std::move(chunks);
  CO_ASSIGN_OR_RETURN(net::FindChunksResponse response,
                      co_await call<net::FindChunks>(std::move(request), true, timeout));
  if (response.records.size() != asked) co_return Error(Code::bad_message, "another number of records");
  std::vector<std::optional<ChunkRecord>> found(asked);
  for (std::size_t i = 0; i < asked; ++i) {
    if (response.records[i].empty()) continue;
    CO_ASSIGN_OR_RETURN(found[i], decode_record<ChunkRecord>(response.records[i]));
  }
  co_return found;
}

}  // namespace vortex::node
