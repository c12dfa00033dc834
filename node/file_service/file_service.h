// The file system as a member serves it: names, uploads and chunk records for a caller, and what follows a commit.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/mailbox.h"
#include "base/task_group.h"
#include "net/dispatcher.h"
#include "node/files/chunk_records.h"
#include "node/namespace/namespace.h"
#include "node/store/file_records.h"

namespace vortex::node {

struct FileServiceOptions {
  // Confirmations and releases that wait to be seen to; what is beyond is left to the janitor.
  std::size_t follow_ups_max = 4096;
  unsigned follow_up_workers = 4;
  Duration follow_up_timeout = seconds(60);
  // Members that count as places for chunks now: nobody waits for more copies than there can be.
  std::function<std::size_t()> active_nodes;
  // On how many nodes what is written at this place is durable when it is acknowledged. Without it: on enough.
  std::function<std::size_t(const Id& place)> durable_at;
  // Has a holder compare its copy with the id and make it durable: a receipt that says so. `not_found` when it has none
  // or had a false one. Without it keys do not share chunks.
  std::function<Task<Result<Receipt>>(NodeId, ChunkId, Duration)> prove;
  // Who a connection is; members are root unless told otherwise.
  std::function<Result<Caller>(const net::Context&)> caller_of;

  FileServiceOptions() {}
};

class FileService {
 public:
  // What is given outlives the service. `nodes` reads manifest chunks.
  FileService(Env& env, Namespace& names, ChunkRecords& chunks, chunker::NodeSource& nodes, const ReceiptSealer& sealer,
              FileServiceOptions options = FileServiceOptions());
  // Before it goes. What was to follow is left to the janitor.
  Task<void> stop();

  // Messages 128 to 145.
  void serve(net::Dispatcher& dispatcher);

  Task<Result<OpenedFile>> open(Caller caller, std::string path, Follow follow, bool content, Duration timeout);
  Task<Result<Inode>> store_small(Caller caller, std::string path, ByteVector content, Attributes attributes,
                                  Change change);
  Task<Result<OpenedUpload>> open_upload(Caller caller, std::string path, std::uint8_t replicas, Duration timeout);
  // Receipts whose seals do not hold are refused with `invalid_argument`.
  Task<Status> add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout);
  // The chunks must be those of the file at `path`, which the caller may read.
  Task<Status> add_references(Caller caller, UploadName upload, std::string path, std::vector<ChunkId> chunks,
                              Duration timeout);
  Task<Result<Inode>> commit(Caller caller, std::string path, CommitOrder order, Change change);
  Task<Result<std::vector<std::optional<ChunkRecord>>>> find_chunks(std::vector<ChunkId> chunks, Duration timeout);
  struct Located {
    Id place;
    Inode inode;
  };
  // Where the name is kept, for who may read it.
  Task<Result<Located>> locate(Caller caller, std::string path, Duration timeout);
  // By reference: no byte moves.
  Task<Result<Inode>> copy(Caller caller, std::string path, std::string to, Change change);

  Namespace& names() { return names_; }
  ChunkRecords& chunks() { return chunks_; }
  Env& env() { return env_; }
  Result<Caller> caller_of(const net::Context& context) const;

 private:
  Task<Result<Inode>> store_inline(Caller caller, std::string path, Follow follow, const NewContent& content,
                                   const Attributes& attributes, const Change& change);
  // The largest file that lives with this name in this directory, as of a moment ago.
  Task<Result<std::uint32_t>> inline_max(Id directory, const std::string& name, Duration timeout);
  using FollowUp = std::variant<UploadName, dht::Key>;
  void follow(FollowUp work);
  Task<void> work();
  Task<Status> refer_all(UploadName upload, std::vector<ChunkId> chunks, std::uint8_t replicas, Duration timeout);

  Env& env_;
  Namespace& names_;
  ChunkRecords& chunks_;
  chunker::NodeSource& nodes_;
  const ReceiptSealer& sealer_;
  const FileServiceOptions options_;
  struct InlineMax {
    std::uint32_t bytes = 0;
    std::uint8_t copies_min = 1;
    Instant until;
  };
  std::map<Id, InlineMax> inline_max_;
  Mailbox<FollowUp> follow_ups_;
  TaskGroup group_;
};

// For whoever stores and fetches on the member itself.
class LocalFiles final : public FileRecords {
 public:
  LocalFiles(FileService& service, Caller caller) : service_(service), caller_(std::move(caller)) {}

  Task<Result<OpenedFile>> open(std::string path, Duration timeout) override;
  Task<Result<Inode>> store_small(std::string path, ByteVector content, Attributes attributes, Change change) override;
  Task<Result<OpenedUpload>> open_upload(std::string path, std::uint8_t replicas, Duration timeout) override;
  Task<Status> renew_upload(UploadName upload, Duration timeout) override;
  Task<Status> add_copies(UploadName upload, std::vector<StoredCopies> copies, Duration timeout) override;
  Task<Status> add_references(UploadName upload, std::string path, std::vector<ChunkId> chunks,
                              Duration timeout) override;
  Task<Result<Inode>> commit(std::string path, CommitOrder order, Change change) override;
  Task<Status> abort_upload(UploadName upload, Duration timeout) override;
  Task<Result<std::vector<std::optional<ChunkRecord>>>> find_chunks(std::vector<ChunkId> chunks,
                                                                    Duration timeout) override;

 private:
  FileService& service_;
  const Caller caller_;
};

}  // namespace vortex::node
