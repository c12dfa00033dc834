#include "node/files/chunk_visit.h"

#include "base/finish.h"
#include "base/window.h"

namespace vortex::node {

namespace {

constexpr std::size_t kVisitsAtOnce = 32;

Task<void> with_permit(Task<void> task, Permit) { co_await std::move(task); }

}  // namespace

Task<void> ChunkWalk::visit_one(ChunkId chunk, Status& status) {
  Status visited = co_await visitor_(chunk);
  if (!visited.ok() && status.ok()) status = std::move(visited);
}

Task<Status> ChunkWalk::visit_extents(std::vector<chunker::Record> records) {
  std::set<ChunkId> chunks;
  for (const chunker::Record& record : records) {
    CO_ASSIGN_OR_RETURN(chunker::Extent extent, chunker::decode_extent(record));
    if (!extent.is_hole()) chunks.insert(extent.chunk);
  }
  Status status;
  Window window(env_.loop(), kVisitsAtOnce);
  TaskGroup group(env_.loop());
  for (const ChunkId& chunk : chunks) {
    auto permit = co_await window.acquire(1);
    if (!permit.ok()) status = permit.error();
    if (!status.ok()) break;
    group.spawn(with_permit(visit_one(chunk, status), std::move(*permit)));
  }
  co_await finish(group);
  co_return status;
}

Task<Status> ChunkWalk::visit_below(std::uint8_t level, std::vector<chunker::Record> records, std::uint64_t offset,
                                    bool last) {
  if (level == 0) co_return co_await visit_extents(std::move(records));
  for (const chunker::Record& record : records) {
    bool last_below = last && &record == &records.back();
    CO_ASSIGN_OR_RETURN(chunker::NodeReference reference, chunker::decode_reference(record));
    const std::uint64_t begin = offset;
    offset += reference.length;
    if (skip_.contains(reference.node)) continue;
    auto bytes = co_await nodes_.load(reference.node);
    if (bytes.ok()) {
      auto below = static_cast<std::uint8_t>(level - 1);
      CO_ASSIGN_OR_RETURN(auto children, chunker::decode_node(*bytes, below, reference, begin, last_below));
      CO_RETURN_IF_ERROR(co_await visit_below(below, std::move(children), begin, last_below));
    } else if (bytes.is(Code::not_found)) {
      ++missing_;
    } else {
      co_return bytes.error();
    }
    CO_RETURN_IF_ERROR(co_await visitor_(reference.node));
  }
  co_return Status();
}

Task<Status> ChunkWalk::run(chunker::Manifest manifest) {
  CO_RETURN_IF_ERROR(chunker::validate(manifest));
  co_return co_await visit_below(manifest.level, std::move(manifest.records), 0, true);
}

namespace {

Task<Status> collect_nodes(chunker::NodeSource& nodes, std::uint8_t level, std::vector<chunker::Record> records,
                           std::uint64_t offset, bool last, std::set<ChunkId>& out) {
  for (const chunker::Record& record : records) {
    if (level == 0) break;
    bool last_below = last && &record == &records.back();
    CO_ASSIGN_OR_RETURN(chunker::NodeReference reference, chunker::decode_reference(record));
    const std::uint64_t begin = offset;
    offset += reference.length;
    if (!out.insert(reference.node).second || level == 1) continue;
    CO_ASSIGN_OR_RETURN(ByteVector bytes, co_await nodes.load(reference.node));
    auto below = static_cast<std::uint8_t>(level - 1);
    CO_ASSIGN_OR_RETURN(auto children, chunker::decode_node(bytes, below, reference, begin, last_below));
    CO_RETURN_IF_ERROR(co_await collect_nodes(nodes, below, std::move(children), begin, last_below, out));
  }
  co_return Status();
}

Task<Status> insert_chunk(std::set<ChunkId>* into, ChunkId chunk) {
  into->insert(chunk);
  co_return Status();
}
Task<Status> erase_chunk(std::set<ChunkId>* from, ChunkId chunk) {
  from->erase(chunk);
  co_return Status();
}

}  // namespace

Task<Result<std::set<ChunkId>>> nodes_of(chunker::NodeSource& nodes, chunker::Manifest manifest) {
  std::set<ChunkId> found;
  CO_RETURN_IF_ERROR(co_await collect_nodes(nodes, manifest.level, std::move(manifest.records), 0, true, found));
  co_return found;
}

Task<Result<std::set<ChunkId>>> chunks_only_in(Env& env, chunker::NodeSource& nodes, chunker::Manifest manifest,
                                               chunker::Manifest kept) {
  auto shared = co_await nodes_of(nodes, kept);
  if (shared.is(Code::not_found)) co_return Code::stale;
  if (!shared.ok()) co_return shared.error();
  std::set<ChunkId> only;
  std::set<ChunkId>* gathered = &only;
  ChunkWalk old_walk(env, nodes, [gathered](ChunkId chunk) { return insert_chunk(gathered, chunk); });
  old_walk.skip(*shared);
  CO_RETURN_IF_ERROR(co_await old_walk.run(std::move(manifest)));
  if (only.empty()) co_return only;
  // The same chunk may stand elsewhere in what is kept.
  ChunkWalk kept_walk(env, nodes, [gathered](ChunkId chunk) { return erase_chunk(gathered, chunk); });
  CO_RETURN_IF_ERROR(co_await kept_walk.run(std::move(kept)));
  if (kept_walk.missing() > 0) co_return Code::stale;
  co_return only;
}

}  // namespace vortex::node
