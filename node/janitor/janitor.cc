#include "node/janitor/janitor.h"

#include <algorithm>

#include "base/finish.h"
#include "base/hash.h"

namespace vortex::node {

namespace {

constexpr std::size_t kSettledAtOnce = 32;
constexpr Duration kStepPatience = seconds(20);
// Of every kind of work in one partition; then it is others' turn, and the next look finds the rest.
constexpr Duration kTurn = seconds(10);
// What took long and failed waits for so many times as long, so that what cannot be done keeps nothing else waiting.
constexpr Duration kLong = seconds(1);
constexpr int kWaitShare = 3;
constexpr Duration kWaitMax = std::chrono::minutes(1);
constexpr std::size_t kWaitingMax = 64 * 1024;
constexpr std::size_t kOperationsPerBatch = 256;
// Steps of a chunk in one look: drops are written down, each holder's copies erased, the record forgotten.
constexpr std::size_t kDropStepsMax = 2 * kHoldersMax + 2;

std::uint64_t what(const dht::Key& key) { return xxh3(key.place.bytes) ^ xxh3(key.name); }
std::uint64_t what(const Id& place, const Id& id) { return xxh3(place.bytes) + 31 * xxh3(id.bytes); }

}  // namespace

Janitor::Janitor(Env& env, dht::Records& records, ChunkRecords& chunks, chunker::NodeSource& nodes, Places& places,
                 Erase erase)
    : env_(env), records_(records), chunks_(chunks), nodes_(nodes), places_(places), erase_(std::move(erase)) {}

bool Janitor::may_try(What what) {
  auto waiting = not_before_.find(what);
  if (waiting == not_before_.end()) return true;
  if (env_.now() < waiting->second) return false;
  not_before_.erase(waiting);
  return true;
}

// What fails is found again by the next look.
Task<void> Janitor::try_one(Task<Status> task, What what, Permit) {
  const Instant begun = env_.now();
  Status done = co_await std::move(task);
  const Duration took = env_.now() - begun;
  if (done.ok() || done.is(Code::cancelled) || took < kLong) co_return;
  if (not_before_.size() >= kWaitingMax)
    std::erase_if(not_before_, [this](const auto& waiting) { return waiting.second <= env_.now(); });
  if (not_before_.size() < kWaitingMax)
    not_before_[what] = env_.now() + std::min<Duration>(took * kWaitShare, kWaitMax);
}

// Many at once; those that were begun are seen to their end.
template <class T, class Make, class Name>
Task<Status> Janitor::settle_all(std::vector<T> items, Make make, Name name) {
  Window window(env_.loop(), kSettledAtOnce);
  TaskGroup group(env_.loop());
  bool cancelled = false;
  const Instant until = env_.now() + kTurn;
  for (T& item : items) {
    const What what = name(item);
    if (!may_try(what)) continue;
    auto permit = co_await window.acquire(1);
    cancelled = !permit.ok();
    if (cancelled || env_.now() >= until) break;
    group.spawn(try_one(make(std::move(item)), what, std::move(*permit)));
  }
  if (cancelled) group.cancel();
  co_await finish(group);
  if (cancelled) co_return Code::cancelled;
  co_return Status();
}

Task<Status> Janitor::settle(Leftovers leftovers) {
  // What makes others' work first: a settled upload settles its references, and those condemn chunks.
  auto upload = [this](SilentUpload silent) { return settle_upload(silent); };
  auto of_upload = [](const SilentUpload& silent) { return what(silent.name.place, silent.name.id); };
  CO_RETURN_IF_ERROR(co_await settle_all(std::move(leftovers.uploads), upload, of_upload));
  auto release = [this](dht::Key key) { return settle_release(std::move(key)); };
  auto of_release = [](const dht::Key& key) { return what(key); };
  CO_RETURN_IF_ERROR(co_await settle_all(std::move(leftovers.releases), release, of_release));

  using Pending = std::pair<UploadName, std::vector<ChunkId>>;
  std::map<Id, Pending> by_upload;
  for (PendingReference& pending : leftovers.references) {
    auto& entry = by_upload[pending.upload.id];
    entry.first = pending.upload;
    entry.second.push_back(pending.chunk);
  }
  std::vector<Pending> uploads;
  for (auto& [id, entry] : by_upload) uploads.push_back(std::move(entry));
  auto pending = [this](Pending of) { return settle_references(of.first, std::move(of.second)); };
  auto of_pending = [](const Pending& of) { return what(of.second.front(), of.first.id); };
  CO_RETURN_IF_ERROR(co_await settle_all(std::move(uploads), pending, of_pending));

  auto of_chunk = [](const ChunkId& chunk) { return xxh3(chunk.bytes); };
  auto unreferenced = [this](ChunkId chunk) { return condemn(chunk); };
  CO_RETURN_IF_ERROR(co_await settle_all(std::move(leftovers.unreferenced), unreferenced, of_chunk));
  auto overrated = [this](ChunkId chunk) { return lower(chunk); };
  CO_RETURN_IF_ERROR(co_await settle_all(std::move(leftovers.overrated), overrated, of_chunk));
  auto doomed = [this](DoomedChunk chunk) { return end_chunk(chunk); };
  auto of_doomed = [](const DoomedChunk& chunk) { return xxh3(chunk.chunk.bytes); };
  CO_RETURN_IF_ERROR(co_await settle_all(std::move(leftovers.doomed), doomed, of_doomed));
  co_return co_await forget_operations(std::move(leftovers.operations));
}

Task<Status> Janitor::settle_upload(SilentUpload upload) {
  Status settled = co_await chunks_.settle_upload(upload.name, upload.version, upload.settled, nodes_, kStepPatience);
  if (settled.ok()) ++stats_.uploads;
  co_return settled;
}

Task<Status> Janitor::settle_release(dht::Key release) {
  Status settled = co_await chunks_.settle_release(std::move(release), nodes_, kStepPatience);
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
                        co_await chunks_.drop_step(doomed.chunk, doomed.condemned, erase_copy, kStepPatience));
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
