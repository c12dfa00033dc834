// What the managers write into chunk records: copies made, found missing, and let go.
#include "node/files/chunk_records.h"

#include <algorithm>

namespace vortex::node {

namespace {

constexpr unsigned kUpkeepTriesMax = 20;

dht::Key record_key(const ChunkId& chunk) { return key_of(chunk, RecordKind::header); }

}  // namespace

Task<Status> ChunkRecords::change(ChunkId chunk, Change change, Duration timeout) {
  for (unsigned tries = 0; tries < kUpkeepTriesMax; ++tries) {
    CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
    CO_ASSIGN_OR_RETURN(bool wanted, change(known.record));
    if (!wanted) co_return Status();
    Plan plan;
    plan.require_version(record_key(chunk), known.version);
    plan.write(record_key(chunk), encode_record(*known.record));
    CO_ASSIGN_OR_RETURN(bool done, co_await commit(std::move(plan), timeout));
    if (done) co_return Status();
  }
  co_return Error(Code::busy, "others change the same chunk all the time");
}

Task<Status> ChunkRecords::add_copy(Receipt receipt, Duration timeout) {
  CHECK(receipt.durable);
  ChunkId chunk = receipt.chunk;
  Change add = [receipt = std::move(receipt)](std::optional<ChunkRecord>& record) -> Result<bool> {
    if (!record || record->condemned != 0) return Code::not_found;
    if (!vortex::node::add_copy(*record, receipt)) return Code::stale;
    record->checked = true;
    return true;
  };
  co_return co_await change(chunk, std::move(add), timeout);
}

Task<Status> ChunkRecords::remove_copy(ChunkId chunk, NodeId node, CopyNumber up_to, Duration timeout) {
  Change remove = [node, up_to](std::optional<ChunkRecord>& record) -> Result<bool> {
    return record && vortex::node::remove_copy(*record, node, up_to);
  };
  co_return co_await change(chunk, std::move(remove), timeout);
}

Task<Result<bool>> ChunkRecords::begin_drops(ChunkId chunk, dht::Version version, std::vector<NodeId> nodes,
                                             Duration timeout) {
  CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
  if (!known.record || known.version != version) co_return false;
  for (const NodeId& node : nodes) begin_drop(*known.record, node);
  Plan plan;
  plan.require_version(record_key(chunk), version);
  plan.write(record_key(chunk), encode_record(*known.record));
  co_return co_await commit(std::move(plan), timeout);
}

Task<Status> ChunkRecords::forget_nodes(ChunkId chunk, std::vector<NodeId> nodes, Duration timeout) {
  Change forget = [nodes = std::move(nodes)](std::optional<ChunkRecord>& record) -> Result<bool> {
    if (!record) return false;
    bool changed = false;
    for (const NodeId& node : nodes) changed = forget_node(*record, node) || changed;
    return changed;
  };
  co_return co_await change(chunk, std::move(forget), timeout);
}

Task<Status> ChunkRecords::drop_stray(ChunkId chunk, Known known, NodeId node, CopyNumber up_to, Duration timeout) {
  if (!known.record) {
    // Says nothing but that these copies go. Whoever stores the chunk meanwhile takes the record over.
    known.record.emplace();
    known.record->replicas = 1;
    known.record->condemned = std::max<FileTime>(wall_now(), 1);
  }
  if (!begin_stray_drop(*known.record, node, up_to)) co_return Status();
  Plan plan;
  plan.require_version(record_key(chunk), known.version);
  plan.write(record_key(chunk), encode_record(*known.record));
  // Not done: the record says something else by now, and so the stray is judged anew when it is told again.
  auto done = co_await commit(std::move(plan), timeout);
  if (!done.ok()) co_return done.error();
  co_return Status();
}

Task<Status> ChunkRecords::lower_replicas(ChunkId chunk, Duration timeout) {
  CO_ASSIGN_OR_RETURN(Known known, co_await look(chunk, timeout));
  if (!known.record) co_return Status();
  // Whoever refers to it anew writes the record too, so that its version tells.
  std::uint8_t most = 0;
  ByteVector from = begin_of(RecordKind::reference);
  while (!from.empty()) {
    dht::ScanLimits limits;
    CO_ASSIGN_OR_RETURN(dht::Page page,
                        co_await records_.scan(chunk, from, end_of(RecordKind::reference), limits, timeout));
    for (const dht::Record& record : page.records) {
      CO_ASSIGN_OR_RETURN(Reference reference, decode_record<Reference>(record.value));
      most = std::max(most, reference.replicas);
    }
    from = std::move(page.next);
  }
  if (most == 0 || most >= known.record->replicas) co_return Status();
  known.record->replicas = most;
  Plan plan;
  plan.require_version(record_key(chunk), known.version);
  plan.write(record_key(chunk), encode_record(*known.record));
  auto done = co_await commit(std::move(plan), timeout);
  if (!done.ok()) co_return done.error();
  co_return Status();
}

}  // namespace vortex::node
