// What members keep for whoever stores and fetches: names, uploads, chunk records. Implemented over the network
// (node/client/) and, on a member itself, directly (node/file_service/).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/files/chunk_record.h"
#include "node/namespace/change.h"

namespace vortex::node {

struct OpenedFile {
  Inode inode;
  std::optional<ByteVector> content;  // of a small file
};

struct OpenedUpload {
  UploadName upload;
  FilePolicy policy;
  std::uint8_t copies_min = 1;  // what must be durable: the policy's wish, or as many nodes as there are
  VORTEX_FIELDS(upload, policy, copies_min)
};

struct CommitOrder {
  UploadName upload;
  chunker::Manifest manifest;
  bool keeps_uploads = false;  // an edit of the content whose ETag the change names
  Attributes attributes;       // for a new file

  CommitOrder() {}
};

class FileRecords {
 public:
  virtual ~FileRecords() = default;
  virtual Task<Result<OpenedFile>> open(std::string path, Duration timeout) = 0;
  // `too_large` where the directory's policy wants chunks.
  virtual Task<Result<Inode>> store_small(std::string path, ByteVector content, Attributes attributes,
                                          Change change) = 0;
  // `replicas`: copies wanted of each chunk, 0 for what the directory's policy says; `too_few_nodes` when there are not
  // as many nodes.
  virtual Task<Result<OpenedUpload>> open_upload(std::string path, std::uint8_t replicas, Duration timeout) = 0;
  virtual Task<Status> renew_upload(UploadName upload, Duration timeout) = 0;
  virtual Task<Status> add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout) = 0;
  // Chunks of the file at `path` that are used once more.
  virtual Task<Status> add_references(UploadName upload, std::string path, std::vector<ChunkId> chunks,
                                      Duration timeout) = 0;
  virtual Task<Result<Inode>> commit(std::string path, CommitOrder order, Change change) = 0;
  virtual Task<Status> abort_upload(UploadName upload, Duration timeout) = 0;
  // As many as were asked for; nothing for a chunk without a record.
  virtual Task<Result<std::vector<std::optional<ChunkRecord>>>> find_chunks(std::vector<ChunkId> chunks,
                                                                            Duration timeout) = 0;
};

}  // namespace vortex::node
