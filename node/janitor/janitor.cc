#include "node/janitor/janitor.h"

#include <map>

#include "base/finish.h"
#include "base/window.h"

namespace vortex::node {

namespace {

constexpr std::size_t kSettledAtOnce = 32;
constexpr Duration kStepPatience = seconds(20);
// A walk over the manifest of a large file.
constexpr Duration kWalkPatience = std::chrono::minutes(5);
constexpr std::size_t kOperationsPerBatch = 256;
// Steps of a chunk in one look: drops are written down, each holder's copies erased, the record forgotten.
constexpr std::size_t kDropStepsMax = 2 * kHoldersMax + 2;

// What fails is found again by the next look.
Task<void> with_permit_of(Task<Status> task, Permit) { (void)(co_await std::move(task)).ok(); }

// Many at once, and all to the end.
template <class T, class Make>
Task<Status> for_each_of(Env& env, std::vector<T> items, Make make) {
  Window window(env.loop(), kSettledAtOnce);
  TaskGroup group(env.loop());
  bool cancelled = false;
  for (T& item : items) {
    auto permit = co_await window.acquire(1);
    cancelled = !permit.ok();
    if (cancelled) break;
    group.spawn(with_permit_of(make(std::move(item)), std::move(*permit)));
  }
  if (cancelled) group.cancel();
  co_await finish(group);
  if (cancelled) co_return Code::cancelled;
  co_return Status();
}

}  // namespace

Janitor::Janitor(Env& env, dht::Records& records, ChunkRecords& chunks, chunker::NodeSource& nodes, Places& places,
                 Erase erase)
    : env_(env), records_(records), chunks_(chunks), nodes_(nodes), places_(places), erase_(std::move(erase)) {}

Task<Status> Janitor::settle(Leftovers leftovers) {
  // What makes others' work first: a settled upload settles its references, and those condemn chunks.
  auto upload = [this](SilentUpload silent) { return settle_upload(silent); };
  CO_RETURN_IF_ERROR(co_await for_each_of(env_, std::move(leftovers.uploads), std::move(upload)));
  auto release = [this](dht::Key key) { return settle_release(std::move(key)); };
  CO_RETURN_IF_ERROR(co_await for_each_of(env_, std::move(leftovers.releases), std::move(release)));

  std::map<Id, std::pair<UploadName, std::vector<ChunkId>>> by_upload;
  for (PendingReference& pending : leftovers.references) {
    auto& entry = by_upload[pending.upload.id];
    entry.first = pending.upload;
    entry.second.push_back(pending.chunk);
  }
  std::vector<std::pair<UploadName, std::vector<ChunkId>>> uploads;
  for (auto& [id, entry] : by_upload) uploads.push_back(std::move(entry));
  auto pending = [this](std::pair<UploadName, std::vector<ChunkId>> of) {
    return settle_references(of.first, std::move(of.second));
  };
  CO_RETURN_IF_ERROR(co_await for_each_of(env_, std::move(uploads), std::move(pending)));

  auto unreferenced = [this](ChunkId chunk) { return condemn(chunk); };
  CO_RETURN_IF_ERROR(co_await for_each_of(env_, std::move(leftovers.unreferenced), std::move(unreferenced)));
  auto overrated = [this](ChunkId chunk) { return lower(chunk); };
  CO_RETURN_IF_ERROR(co_await for_each_of(env_, std::move(leftovers.overrated), std::move(overrated)));
  auto doomed = [this](DoomedChunk chunk) { return end_chunk(chunk); };
  CO_RETURN_IF_ERROR(co_await for_each_of(env_, std::move(leftovers.doomed), std::move(doomed)));
  co_return co_await forget_operations(std::move(leftovers.operations));
}

Task<Status> Janitor::settle_upload(SilentUpload upload) {
  Status settled = co_await chunks_.settle_upload(upload.name, upload.silent_since, nodes_, kWalkPatience);
  if (settled.ok()) ++stats_.uploads;
  co_return settled;
}

Task<Status> Janitor::settle_release(dht::Key release) {
  Status settled = co_await chunks_.settle_release(std::move(release), nodes_, kWalkPatience);
  if (settled.ok()) ++stats_.releases;
  co_return settled;
}

Task<Status> Janitor::settle_references(UploadName upload, std::vector<ChunkId> chunks) {
  // Of an upload that goes on, one look is enough.
  auto open = co_await chunks_.open_upload_record(upload, kStepPatience);
  if (open.ok()) co_return Status();
  if (!open.is(Code::expired)) co_return open.error();
  for (const ChunkId& chunk : chunks) {
    CO_RETURN_IF_ERROR(co_await chunks_.settle_reference(chunk, upload.id, kStepPatience));
    ++stats_.references;
  }
  co_return Status();
}

Task<Status> Janitor::condemn(ChunkId chunk) {
  Status done = co_await chunks_.condemn(chunk, kStepPatience);
  if (done.ok()) ++stats_.condemned;
  co_return done;
}

Task<Status> Janitor::lower(ChunkId chunk) { return chunks_.lower_replicas(chunk, kStepPatience); }

// Copies of nodes that are gone for good are gone with them. Those of nodes that may come back are waited for.
Task<Status> Janitor::erase(NodeId node, ChunkId chunk, CopyNumber up_to) {
  HolderHealth health = places_.health(node);
  if (health == HolderHealth::gone) co_return Status();
  if (health != HolderHealth::well) co_return Error(Code::unreachable, "a holder is away");
  Status erased = co_await erase_(node, chunk, up_to);
  if (erased.ok()) ++stats_.erased_copies;
  co_return erased;
}

Task<Status> Janitor::end_chunk(DoomedChunk doomed) {
  ChunkRecords::Erase erase_copy = [this](NodeId node, ChunkId of, CopyNumber up_to) { return erase(node, of, up_to); };
  for (std::size_t step = 0; step < kDropStepsMax; ++step) {
    CO_ASSIGN_OR_RETURN(DropProgress progress,
                        co_await chunks_.drop_step(doomed.chunk, doomed.condemned_before, erase_copy, kStepPatience));
    if (progress == DropProgress::gone) ++stats_.forgotten_chunks;
    if (progress != DropProgress::more) break;
  }
  co_return Status();
}

Task<Status> Janitor::forget_operations(std::vector<VersionedKey> operations) {
  // In the order of their keys, so that a batch mostly lies in one partition; one place in any case.
  for (std::size_t at = 0; at < operations.size();) {
    Plan plan;
    const Id place = operations[at].key.place;
    std::size_t count = 0;
    for (; at < operations.size() && operations[at].key.place == place && count < kOperationsPerBatch; ++at, ++count) {
      plan.require_version(operations[at].key, operations[at].version);
      plan.erase(operations[at].key);
    }
    auto erased = co_await records_.commit(plan.take(), kStepPatience);
    if (erased.ok() && erased->done) stats_.operations += count;
  }
  co_return Status();
}

}  // namespace vortex::node
