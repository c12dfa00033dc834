#include "node/file_service/file_service.h"

namespace vortex::node {

Task<Result<OpenedFile>> LocalFiles::open(std::string path, Duration timeout) {
  return service_.open(caller_, std::move(path), Follow::yes, true, timeout);
}

Task<Result<Inode>> LocalFiles::store_small(std::string path, ByteVector content, Attributes attributes,
                                            Change change) {
  return service_.store_small(caller_, std::move(path), std::move(content), std::move(attributes), std::move(change));
}

Task<Result<OpenedUpload>> LocalFiles::open_upload(std::string path, std::uint8_t replicas, Duration timeout) {
  return service_.open_upload(caller_, std::move(path), replicas, timeout);
}

Task<Status> LocalFiles::renew_upload(UploadName upload, Duration timeout) {
  return service_.chunks().renew_upload(upload, timeout);
}

Task<Status> LocalFiles::add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout) {
  return service_.add_copies(upload, std::move(copies), timeout);
}

Task<Status> LocalFiles::add_references(UploadName upload, std::string path, std::vector<ChunkId> chunks,
                                        Duration timeout) {
  return service_.add_references(caller_, upload, std::move(path), std::move(chunks), timeout);
}

Task<Result<Inode>> LocalFiles::commit(std::string path, CommitOrder order, Change change) {
  return service_.commit(caller_, std::move(path), std::move(order), std::move(change));
}

Task<Status> LocalFiles::abort_upload(UploadName upload, Duration timeout) {
  return service_.chunks().abort_upload(upload, timeout);
}

Task<Result<std::vector<std::optional<ChunkRecord>>>> LocalFiles::find_chunks(std::vector<ChunkId> chunks,
                                                                              Duration timeout) {
  return service_.find_chunks(std::move(chunks), timeout);
}

}  // namespace vortex::node
