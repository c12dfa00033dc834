#include "node/store/storer.h"

#include <algorithm>

#include "chunker/manifest_edit.h"
#include "node/fetch/chunk_reader.h"
#include "node/files/chunk_visit.h"
#include "node/kill_points.h"

namespace vortex::node {

namespace {

constexpr Duration kAbortTimeout = seconds(2);
constexpr std::size_t kReferencesPerRequest = 256;

// What a small file becomes: its beginning, the new bytes, and the rest that they do not cover.
class SplicedSource final : public ByteSource {
 public:
  SplicedSource(ByteVector old, std::uint64_t offset, ByteSource& fresh)
      : old_(std::move(old)), offset_(offset), fresh_(fresh) {}

  Task<Result<Piece>> read(MutableBytes room) override {
    Piece piece;
    std::uint64_t kept = std::min<std::uint64_t>(offset_, old_.size());
    if (at_ < kept) {
      piece.bytes = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), kept - at_));
      std::copy_n(old_.begin() + static_cast<std::ptrdiff_t>(at_), piece.bytes, room.begin());
    } else if (at_ < offset_) {
      piece.hole = offset_ - at_;
    } else if (!ended_) {
      CO_ASSIGN_OR_RETURN(piece, co_await fresh_.read(room));
      ended_ = piece.bytes == 0 && piece.hole == 0;
    }
    if (ended_ && at_ < old_.size()) {
      piece.bytes = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), old_.size() - at_));
      std::copy_n(old_.begin() + static_cast<std::ptrdiff_t>(at_), piece.bytes, room.begin());
    }
    at_ += piece.bytes + piece.hole;
    co_return piece;
  }

 private:
  const ByteVector old_;
  const std::uint64_t offset_;
  ByteSource& fresh_;
  std::uint64_t at_ = 0;
  bool ended_ = false;
};

// The beginning of a stream: all of it, when it is a small one.
struct Beginning {
  ByteVector bytes;
  std::uint64_t hole = 0;
  bool ended = false;
};

Task<Result<Beginning>> begin_reading(ByteSource& source) {
  Beginning beginning;
  ByteVector bytes(kInlineMax + 1);
  std::size_t have = 0;
  while (have < bytes.size() && beginning.hole == 0) {
    CO_ASSIGN_OR_RETURN(Piece piece, co_await source.read(MutableBytes(bytes).subspan(have)));
    have += piece.bytes;
    beginning.hole = piece.hole;
    beginning.ended = piece.bytes == 0 && piece.hole == 0;
    if (beginning.ended) break;
  }
  bytes.resize(have);
  beginning.bytes = std::move(bytes);
  co_return beginning;
}

// Only the bytes are new: everything else of the new manifest is referenced by the new upload, too.
struct References {
  FileRecords* files = nullptr;
  UploadName upload;
  std::string path;
  Duration timeout{};
  std::vector<ChunkId> chunks;
};
Task<Status> reference(References* references, ChunkId chunk, bool last) {
  if (!last) references->chunks.push_back(chunk);
  if (references->chunks.size() < kReferencesPerRequest && !last) co_return Status();
  std::vector<ChunkId> some = std::exchange(references->chunks, std::vector<ChunkId>());
  co_return co_await references->files->add_references(references->upload, references->path, std::move(some),
                                                       references->timeout);
}

Task<Status> upload_all(UploadRun& run, Beginning beginning, ByteSource& source, chunker::Manifest& manifest) {
  chunker::ManifestBuilder builder;
  CO_RETURN_IF_ERROR(co_await run.add_stream(std::move(beginning.bytes), beginning.hole, source, 0, nullptr, &builder));
  manifest = builder.finish();
  CO_RETURN_IF_ERROR(co_await run.add_nodes(builder.take_nodes()));
  co_return co_await run.finish();
}

Task<Status> upload_edit(UploadRun& run, ByteSource& source, const Inode& inode, std::uint64_t offset,
                         ChunkReader& reader, chunker::Manifest& manifest) {
  std::vector<chunker::Extent> fresh;
  const std::uint64_t size = inode.manifest->size;
  if (offset > size) fresh.push_back(chunker::Extent::hole(offset - size));
  CO_RETURN_IF_ERROR(co_await run.add_stream(ByteVector(), 0, source, offset, &fresh, nullptr));
  std::uint64_t end = std::min(offset, size);
  for (const chunker::Extent& extent : fresh) end += extent.length;
  std::uint64_t begin = std::min(offset, size);
  end = std::min(end, size);
  CO_ASSIGN_OR_RETURN(chunker::ManifestEdit edit,
                      co_await chunker::splice(reader, *inode.manifest, begin, end, std::move(fresh)));
  manifest = std::move(edit.manifest);
  CO_RETURN_IF_ERROR(co_await run.add_nodes(std::move(edit.fresh)));
  co_return co_await run.finish();
}

}  // namespace

Task<Result<Inode>> Storer::store(std::string path, ByteSource& source, StoreOptions options) {
  if (!options.change.operation) env_.random().fill(options.change.operation.emplace());
  CO_ASSIGN_OR_RETURN(Beginning beginning, co_await begin_reading(source));
  // Whoever says how many copies he wants wants chunks.
  if (beginning.ended && beginning.bytes.size() <= kInlineMax && options.replicas == 0) {
    auto stored = co_await files_.store_small(path, beginning.bytes, options.attributes, options.change);
    // The directory's policy wants a chunk of it.
    if (!stored.is(Code::too_large)) co_return stored;
  }
  CO_ASSIGN_OR_RETURN(OpenedUpload upload, co_await files_.open_upload(path, options.replicas, options.record_timeout));
  kill_point(env_, kill_points::kClientBegins);
  CO_RETURN_IF_ERROR(storable(upload.policy));
  UploadRun run(env_, files_, holders_, upload, options);
  CommitOrder order;
  order.upload = upload.upload;
  order.attributes = options.attributes;
  Status uploaded = co_await upload_all(run, std::move(beginning), source, order.manifest);
  stats_ = run.stats();
  co_await run.stop();
  if (uploaded.ok()) {
    kill_point(env_, kill_points::kClientUploaded);
    auto committed = co_await files_.commit(path, std::move(order), options.change);
    kill_point(env_, kill_points::kClientCommitted);
    if (committed.ok() || committed.is(Code::outcome_unknown)) co_return committed;
    uploaded = committed.error();
  }
  (void)(co_await files_.abort_upload(upload.upload, kAbortTimeout)).ok();
  co_return uploaded.error();
}

Task<Result<Inode>> Storer::write(std::string path, std::uint64_t offset, ByteSource& source, StoreOptions options) {
  if (!options.change.operation) env_.random().fill(options.change.operation.emplace());
  CO_ASSIGN_OR_RETURN(OpenedFile file, co_await files_.open(path, options.record_timeout));
  if (file.inode.type == FileType::directory) co_return Code::is_directory;
  CO_RETURN_IF_ERROR(check(options.change.only_if, file.inode));
  if (offset == kAtEnd) offset = file.inode.size;
  options.change.only_if.version.reset();
  options.change.only_if.etag = file.inode.etag;
  if (!file.inode.manifest) {
    SplicedSource spliced(file.content.value_or(ByteVector()), offset, source);
    co_return co_await store(std::move(path), spliced, std::move(options));
  }
  CO_ASSIGN_OR_RETURN(OpenedUpload upload, co_await files_.open_upload(path, options.replicas, options.record_timeout));
  CO_RETURN_IF_ERROR(storable(upload.policy));
  ChunkReader reader(env_, files_, holders_);
  UploadRun run(env_, files_, holders_, upload, options);
  CommitOrder order;
  order.upload = upload.upload;
  order.keeps_uploads = file.inode.uploads.size() < kUploadsMax;
  Status uploaded = co_await upload_edit(run, source, file.inode, offset, reader, order.manifest);
  if (uploaded.ok() && !order.keeps_uploads) {
    References references;
    references.files = &files_;
    references.upload = upload.upload;
    references.path = path;
    references.timeout = options.record_timeout;
    References* gathered = &references;
    ChunkWalk walk(env_, reader, [gathered](ChunkId chunk) { return reference(gathered, chunk, false); });
    uploaded = co_await walk.run(order.manifest);
    if (uploaded.ok()) uploaded = co_await reference(gathered, ChunkId(), true);
  }
  stats_ = run.stats();
  co_await run.stop();
  if (uploaded.ok()) {
    auto committed = co_await files_.commit(path, std::move(order), options.change);
    if (committed.ok() || committed.is(Code::outcome_unknown)) co_return committed;
    uploaded = committed.error();
  }
  (void)(co_await files_.abort_upload(upload.upload, kAbortTimeout)).ok();
  co_return uploaded.error();
}

}  // namespace vortex::node
