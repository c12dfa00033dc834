#include "chunker/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/block_cache.h"
#include "base/check.h"
#include "base/yield.h"

namespace vortex::chunker {
namespace {

static_assert(Pipeline::kWindowDefault <= kBlockCacheBytesMax / 2, "what one pipeline frees, the next finds again");

std::size_t parity_memory(CodePolicy code, std::size_t stored_size) {
  return code.coded() ? code.parity * shard_data_size(code, stored_size) : 0;
}

// What making a chunk of this draft may occupy at once.
std::size_t work_memory(const ChunkDraft& draft, const Policy& policy) {
  return packing_memory(draft, policy.compression) +
         parity_memory(policy.code, draft.size() + kHeaderSize + kSealTagSize);
}

// Cut by content, half of the chunks are near the average and few beyond twice of it.
std::size_t room_for(const CutPolicy& cut) {
  return cut.kind == Cutting::fixed ? cut.average : std::min(2 * cut.average, cut.maximum);
}

ReadyChunk prepare(ChunkDraft draft, PackOrder order, const ErasureCode* code) {
  ReadyChunk ready;
  ready.chunk = pack(std::move(draft), std::move(order));
  ready.memory = ready.chunk.memory;
  if (code != nullptr) {
    ready.shards = make_shards(*code, ready.chunk);
    ready.memory += parity_memory(code->policy(), ready.chunk.stored.size());
  }
  return ready;
}

}  // namespace

Pipeline::Pipeline(Loop& loop, Pool& pool, const Policy& policy, const Options& options)
    : loop_(loop),
      policy_(policy),
      sealer_(options.sealer),
      code_(policy.code.coded() ? std::make_unique<const ErasureCode>(policy.code) : nullptr),
      draft_room_(room_for(policy.cut)),
      cutter_(policy.cut, sealer_ != nullptr ? &sealer_->file_key() : nullptr),
      chunk_begin_(options.file_offset),
      window_(loop, pool, options.window, [](const ReadyChunk& ready) { return ready.memory; }) {
  CHECK(validate(policy).ok());
  CHECK((sealer_ != nullptr) == (policy.sealing != Sealing::none));
}

MutableBytes Pipeline::space() {
  if (!draft_) draft_.emplace(draft_room_);
  if (draft_->room().empty()) {
    ChunkDraft larger(cutter_.chunk_max());
    larger.append(draft_->plain());
    *draft_ = std::move(larger);
  }
  MutableBytes room = draft_->room();
  return room.first(std::min(room.size(), kPieceMax));
}

Task<Status> Pipeline::commit(std::size_t count) {
  if (abandoned_) co_return Code::cancelled;
  CHECK(draft_.has_value());
  std::size_t begin = draft_->size();
  draft_->append(count);
  while (draft_) {
    std::optional<std::size_t> cut = cutter_.scan(draft_->plain().subspan(begin));
    if (!cut) break;
    std::optional<ChunkDraft> rest;
    std::size_t end = begin + *cut;
    if (end < draft_->size()) {
      rest.emplace(std::max(draft_room_, draft_->size() - end));
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
    co_await yield(loop_);
  }
  co_return Status();
}

Task<Status> Pipeline::finish() {
  if (abandoned_) co_return Code::cancelled;
  if (draft_ && draft_->size() > 0) {
    CO_RETURN_IF_ERROR(co_await emit());
  }
  draft_.reset();
  window_.finish();
  co_return Status();
}

void Pipeline::abandon() {
  abandoned_ = true;
  window_.abandon();
}

Task<Status> Pipeline::emit() {
  PackOrder order;
  order.compression = policy_.compression;
  order.file_offset = chunk_begin_;
  if (sealer_ != nullptr) order.seal = sealer_->next_turn();
  chunk_begin_ += draft_->size();
  const std::size_t weight = work_memory(*draft_, policy_);
  auto work = [draft = std::move(*draft_), order = std::move(order), code = code_.get()]() mutable {
    return prepare(std::move(draft), std::move(order), code);
  };
  UniqueFunction<ReadyChunk()> job(std::move(work));
  draft_.reset();
  Status put = co_await window_.put(weight, std::move(job));
  // The chunk is lost, and with it the stream.
  if (!put.ok()) abandon();
  co_return put;
}

Task<Result<std::optional<ReadyChunk>>> Pipeline::next() {
  auto taken = co_await window_.next();
  if (!taken.ok()) co_return std::move(taken).error();
  std::optional<ReadyChunk> ready;
  if (taken->has_value()) {
    ready.emplace(std::move((*taken)->value));
    ready->room = std::move((*taken)->room);
  }
  co_return std::move(ready);
}

Task<void> Pipeline::stop() { return window_.drain(); }

}  // namespace vortex::chunker
