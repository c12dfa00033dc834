#include "chunker/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "chunker/compress.h"

namespace vortex::chunker {
namespace {

// What one chunk may occupy while it is in the window.
std::size_t memory_of(const Policy& policy, std::size_t plain_max) {
  std::size_t memory = plain_max + kHeaderSize + kSealTagSize;
  if (policy.compression != Compression::none) memory += packed_max(plain_max);
  if (policy.code.coded()) memory += policy.code.parity * shard_data_size(policy.code, plain_max + kChunkOverheadMax);
  return memory;
}

ReadyChunk prepare(ChunkDraft draft, const PackOrder& order, const ErasureCode* code) {
  ReadyChunk ready;
  ready.chunk = pack(std::move(draft), order);
  if (code != nullptr) ready.shards = make_shards(*code, ready.chunk);
  return ready;
}

}  // namespace

Pipeline::Pipeline(Loop& loop, Pool& pool, const Policy& policy, const Options& options)
    : policy_(policy),
      sealer_(options.sealer),
      code_(policy.code.coded() ? std::make_unique<const ErasureCode>(policy.code) : nullptr),
      draft_weight_(memory_of(policy, policy.cut.kind == Cutting::fixed ? policy.cut.average : policy.cut.maximum)),
      cutter_(policy.cut),
      chunk_begin_(options.file_offset),
      window_(loop, pool, options.window) {
  CHECK(validate(policy).ok());
  CHECK((sealer_ != nullptr) == (policy.sealing != Sealing::none));
}

MutableBytes Pipeline::space() {
  if (!draft_) draft_.emplace(cutter_.chunk_max());
  MutableBytes room = draft_->room();
  return room.first(std::min(room.size(), kPieceMax));
}

Task<Status> Pipeline::commit(std::size_t count) {
  CHECK(draft_.has_value());
  std::size_t begin = draft_->size();
  draft_->append(count);
  while (draft_) {
    std::optional<std::size_t> cut = cutter_.scan(draft_->plain().subspan(begin));
    if (!cut) break;
    std::optional<ChunkDraft> rest;
    std::size_t end = begin + *cut;
    if (end < draft_->size()) {
      rest.emplace(cutter_.chunk_max());
      rest->append(draft_->plain().subspan(end));
      draft_->truncate(end);
    }
    CO_RETURN_IF_ERROR(co_await emit());
    draft_ = std::move(rest);
    begin = 0;
  }
  co_return Status();
}

Task<Status> Pipeline::write(ByteView bytes) {
  while (!bytes.empty()) {
    MutableBytes to = space();
    std::size_t count = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), count);
    bytes = bytes.subspan(count);
    CO_RETURN_IF_ERROR(co_await commit(count));
  }
  co_return Status();
}

Task<Status> Pipeline::finish() {
  if (draft_ && draft_->size() > 0) {
    CO_RETURN_IF_ERROR(co_await emit());
  }
  draft_.reset();
  window_.finish();
  co_return Status();
}

Task<Status> Pipeline::emit() {
  PackOrder order;
  order.compression = policy_.compression;
  order.sealer = sealer_;
  order.file_offset = chunk_begin_;
  if (sealer_ != nullptr) order.ticket = sealer_->next_ticket();
  chunk_begin_ += draft_->size();
  auto work = [draft = std::move(*draft_), order, code = code_.get()]() mutable {
    return prepare(std::move(draft), order, code);
  };
  UniqueFunction<ReadyChunk()> job(std::move(work));
  draft_.reset();
  auto put = co_await window_.put(draft_weight_, std::move(job));
  co_return put;
}

Task<Result<std::optional<ReadyChunk>>> Pipeline::next() { return window_.next(); }

Task<void> Pipeline::stop() { return window_.drain(); }

}  // namespace vortex::chunker
