#include <algorithm>

#include "base/finish.h"
#include "node/kill_points.h"
#include "node/store/storer.h"

namespace vortex::node {

namespace {

constexpr std::size_t kKnownMax = 64 * 1024;
// Bounds what one request to the records carries.
constexpr std::size_t kCopiesPerRequest = 64;

}  // namespace

SendOptions send_options(const OpenedUpload& upload, SendOptions options) {
  options.copies = upload.policy.replicas;
  options.copies_min = std::min<std::size_t>(upload.copies_min, upload.policy.replicas);
  return options;
}

// Chunks that become durable and are recorded together.
struct UploadRun::Batch {
  explicit Batch(Loop& loop) : staging(loop) {}
  std::vector<std::unique_ptr<Parcel>> parcels;
  std::vector<Permit> permits;
  std::size_t held = 0;  // of the window
  Instant begun;         // its first chunk
  TaskGroup staging;
};

UploadRun::UploadRun(Env& env, FileRecords& files, ChunkHolders& holders, OpenedUpload upload,
                     const StoreOptions& options)
    : env_(env),
      files_(files),
      upload_(std::move(upload)),
      options_(options),
      sender_(env, holders, send_options(upload_, options.send)),
      window_(env.loop(), options.window_bytes),
      batch_(std::make_unique<Batch>(env.loop())),
      changed_(env.loop()),
      renewing_(env.loop()),
      group_(env.loop()) {
  renewing_.spawn(renew());
}

UploadRun::~UploadRun() = default;

void UploadRun::fail(Error error) {
  if (status_.ok()) status_ = std::move(error);
  changed_.notify_all();
}

// Tells the janitor that somebody is still at work.
Task<void> UploadRun::renew() {
  while (true) {
    Status slept = co_await sleep_for(env_, options_.renew_every);
    if (!slept.ok()) co_return;
    Status renewed = co_await files_.renew_upload(upload_.upload, options_.record_timeout);
    if (renewed.is(Code::expired)) fail(renewed.error());
    // A copy that no record names is not kept for long.
    const bool old = !batch_->parcels.empty() && env_.now() - batch_->begun >= options_.batch_lasts;
    if (old) (void)(co_await close_batch()).ok();
  }
}

Task<void> UploadRun::stage(Batch&, Parcel& parcel) {
  Status staged = co_await sender_.stage(parcel);
  kill_point(env_, kill_points::kClientStaged);
  if (!staged.ok()) fail(staged.error());
}

Task<Status> UploadRun::add(chunker::StoredChunk chunk) {
  if (!status_.ok()) co_return status_;
  if (known_.contains(chunk.id)) co_return Status();
  if (known_.size() >= kKnownMax) known_.clear();
  const std::size_t held = std::max(chunk.memory, chunk.stored.size());
  std::optional<Permit> room = window_.try_acquire(held);
  if (!room) {
    // What this batch holds comes back only when it is closed.
    CO_RETURN_IF_ERROR(co_await close_batch());
    CO_ASSIGN_OR_RETURN(room, co_await window_.acquire(held));
  }
  if (!status_.ok()) co_return status_;
  known_.insert(chunk.id);
  auto parcel = std::make_unique<Parcel>();
  parcel->chunk = chunk.id;
  parcel->form = form_of(chunk.header);
  parcel->stored = std::move(chunk.stored);
  Parcel& sent = *parcel;
  if (batch_->parcels.empty()) batch_->begun = env_.now();
  batch_->held += held;
  batch_->permits.push_back(std::move(*room));
  batch_->parcels.push_back(std::move(parcel));
  batch_->staging.spawn(stage(*batch_, sent));
  if (batch_->held >= options_.window_bytes / 2) CO_RETURN_IF_ERROR(co_await close_batch());
  co_return Status();
}

Task<Status> UploadRun::close_batch() {
  if (batch_->parcels.empty()) co_return Status();
  auto closed = std::move(batch_);
  batch_ = std::make_unique<Batch>(env_.loop());
  settling_.insert(closed.get());
  group_.spawn(settle(std::move(closed)));
  co_return status_;
}

Task<void> UploadRun::settle(std::unique_ptr<Batch> batch) {
  co_await vortex::finish(batch->staging);
  Status settled = status_;
  if (settled.ok()) settled = co_await sender_.settle(batch->parcels);
  kill_point(env_, kill_points::kClientSettled);
  for (std::size_t at = 0; settled.ok() && at < batch->parcels.size(); at += kCopiesPerRequest) {
    std::vector<StoredCopies> copies;
    for (std::size_t i = at; i < std::min(at + kCopiesPerRequest, batch->parcels.size()); ++i) {
      Parcel& parcel = *batch->parcels[i];
      StoredCopies stored;
      stored.chunk = parcel.chunk;
      stored.stored_size = parcel.durable.front().length;
      stored.form = parcel.durable.front().form;
      stored.replicas = upload_.policy.replicas;
      stored.receipts = std::move(parcel.durable);
      copies.push_back(std::move(stored));
    }
    settled = co_await files_.add_copies(upload_.upload, std::move(copies), options_.record_timeout);
    kill_point(env_, kill_points::kClientRecorded);
  }
  if (!settled.ok()) fail(settled.error());
  settling_.erase(batch.get());
  changed_.notify_all();
}

Task<Status> UploadRun::finish() {
  CO_RETURN_IF_ERROR(co_await close_batch());
  while (!settling_.empty()) {
    bool woken = co_await changed_.wait();
    if (!woken) co_return Code::cancelled;
  }
  co_return status_;
}

Task<void> UploadRun::stop() {
  co_await renewing_.stop();
  // A batch that settles waits for its chunks, also when it is cancelled.
  for (Batch* batch : settling_) batch->staging.cancel();
  co_await batch_->staging.stop();
  co_await group_.stop();
}

Task<Status> UploadRun::add_nodes(std::vector<chunker::ManifestNode> nodes) {
  for (chunker::ManifestNode& node : nodes) {
    chunker::StoredChunk packed = chunker::pack(chunker::ChunkDraft::copy_of(node.bytes), chunker::PackOrder());
    CO_RETURN_IF_ERROR(co_await add(std::move(packed)));
  }
  co_return Status();
}

// The bytes up to the next hole or the end.
Task<Status> UploadRun::feed(chunker::Pipeline& pipeline, ByteVector first, ByteSource& source, std::uint64_t& hole) {
  CO_RETURN_IF_ERROR(co_await pipeline.write(first));
  while (hole == 0) {
    MutableBytes room = pipeline.space();
    CO_ASSIGN_OR_RETURN(Piece piece, co_await source.read(room));
    hole = piece.hole;
    if (piece.bytes == 0) break;
    CO_RETURN_IF_ERROR(co_await pipeline.commit(piece.bytes));
  }
  co_return co_await pipeline.finish();
}

Task<void> UploadRun::produce(UploadRun& self, chunker::Pipeline& pipeline, ByteVector first, ByteSource& source,
                              std::uint64_t& hole, Status& status) {
  status = co_await self.feed(pipeline, std::move(first), source, hole);
  // The consumer waits for the next chunk: there is none.
  if (!status.ok()) pipeline.abandon();
}

Task<Status> UploadRun::add_stream(ByteVector first, std::uint64_t hole, ByteSource& source, std::uint64_t begin,
                                   std::vector<chunker::Extent>* extents, chunker::ManifestBuilder* builder) {
  std::uint64_t offset = begin;
  auto take = [extents, builder, &offset](const chunker::Extent& extent) -> Status {
    if (extent.length > chunker::kFileSizeMax - offset) return Error(Code::too_large, "the file would be too large");
    if (extents) extents->push_back(extent);
    if (builder) builder->add(extent);
    offset += extent.length;
    return {};
  };
  if (begin > chunker::kFileSizeMax) co_return Error(Code::too_large, "the file would be too large");
  bool more = true;
  while (more) {
    chunker::Pipeline::Options settings;
    settings.file_offset = offset;
    settings.window = options_.pipeline_bytes;
    chunker::Pipeline pipeline(env_.loop(), env_.pool(), upload_.policy.chunks, settings);
    TaskGroup producer(env_.loop());
    Status produced, consumed;
    producer.spawn(produce(*this, pipeline, std::exchange(first, ByteVector()), source, hole, produced));
    while (consumed.ok()) {
      auto ready = co_await pipeline.next();
      if (!ready.ok()) consumed = ready.error();
      if (!ready.ok() || !ready->has_value()) break;
      chunker::StoredChunk& chunk = (*ready)->chunk;
      consumed = take(chunker::Extent::of(chunk, upload_.policy.chunks.code));
      if (consumed.ok()) consumed = co_await add(std::move(chunk));
      if (consumed.ok() && builder) consumed = co_await add_nodes(builder->take_nodes());
    }
    co_await producer.stop();
    co_await pipeline.stop();
    // A stream that broke off is `cancelled` for whoever consumes it: its producer knows why.
    if (consumed.ok() || consumed.is(Code::cancelled)) CO_RETURN_IF_ERROR(std::move(produced));
    CO_RETURN_IF_ERROR(std::move(consumed));
    more = hole > 0;
    if (!more) break;
    CO_RETURN_IF_ERROR(take(chunker::Extent::hole(hole)));
    hole = 0;
  }
  co_return Status();
}

}  // namespace vortex::node
