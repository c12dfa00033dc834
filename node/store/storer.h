// Stores a stream of bytes under a name: small ones in one request, others as chunks on their owners, durable before
// the one commit that makes the name point at them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/task_group.h"
#include "base/window.h"
#include "chunker/manifest_builder.h"
#include "chunker/pipeline.h"
#include "node/store/file_records.h"
#include "node/store/sender.h"
#include "node/store/stream.h"

namespace vortex::node {

struct StoreOptions {
  Attributes attributes;  // of a new file; its time of modification also of one that is replaced
  Change change;
  std::uint8_t replicas = 0;  // copies of each chunk; 0: as many as the directory's policy says
  Duration record_timeout = seconds(30);
  // Bytes of chunks that are kept until they are durable: two batches of half of this.
  std::size_t window_bytes = 96 * kMiB;
  std::size_t pipeline_bytes = 48 * kMiB;
  Duration renew_every = seconds(20);
  // A slow source's chunks are recorded after this time, though there are few of them; looked at when it is renewed.
  Duration batch_lasts = seconds(40);
  SendOptions send;  // numbers of copies come from the policy

  StoreOptions() {}
};

class Storer {
 public:
  Storer(Env& env, FileRecords& files, ChunkHolders& holders) : env_(env), files_(files), holders_(holders) {}

  Task<Result<Inode>> store(std::string path, ByteSource& source, StoreOptions options);
  // The bytes of the file from `offset` on give way to the source's, as many as there are; what lies between the end
  // and `offset` becomes a hole. The rest of the file stays, and is not read. `precondition_failed` when somebody else
  // changes the file meanwhile.
  static constexpr std::uint64_t kAtEnd = UINT64_MAX;  // as offset: behind the last byte
  Task<Result<Inode>> write(std::string path, std::uint64_t offset, ByteSource& source, StoreOptions options);

  const SendStats& stats() const { return stats_; }

 private:
  Env& env_;
  FileRecords& files_;
  ChunkHolders& holders_;
  SendStats stats_;
};

// One upload: chunks are put in as they come and are recorded batch by batch. stop() before it goes.
class UploadRun {
 public:
  UploadRun(Env& env, FileRecords& files, ChunkHolders& holders, OpenedUpload upload, const StoreOptions& options);
  ~UploadRun();

  // Waits for room in the window. The bytes are kept until they are durable. Errors of earlier chunks come out here.
  Task<Status> add(chunker::StoredChunk chunk);
  // Cuts, packs and adds all that the source has, and gives its extents, from this offset of the file on.
  Task<Status> add_stream(ByteVector first, std::uint64_t hole, ByteSource& source, std::uint64_t offset,
                          std::vector<chunker::Extent>* extents, chunker::ManifestBuilder* builder);
  Task<Status> add_nodes(std::vector<chunker::ManifestNode> nodes);
  // Everything that was added is durable and recorded.
  Task<Status> finish();
  Task<void> stop();
  const OpenedUpload& opened() const { return upload_; }
  const SendStats& stats() const { return sender_.stats(); }

 private:
  struct Batch;
  Task<void> stage(Batch& batch, Parcel& parcel);
  Task<Status> close_batch();
  Task<void> settle(std::unique_ptr<Batch> batch);
  Task<void> renew();
  Task<Status> feed(chunker::Pipeline& pipeline, ByteVector first, ByteSource& source, std::uint64_t& hole);
  static Task<void> produce(UploadRun& self, chunker::Pipeline& pipeline, ByteVector first, ByteSource& source,
                            std::uint64_t& hole, Status& status);
  void fail(Error error);

  Env& env_;
  FileRecords& files_;
  const OpenedUpload upload_;
  const StoreOptions options_;
  Sender sender_;
  Window window_;
  std::unique_ptr<Batch> batch_;
  std::set<ChunkId> known_;  // sent by this upload not long ago
  Status status_;
  std::set<Batch*> settling_;
  Event changed_;
  TaskGroup renewing_;
  TaskGroup group_;
};

SendOptions send_options(const OpenedUpload& upload, SendOptions options);

}  // namespace vortex::node
