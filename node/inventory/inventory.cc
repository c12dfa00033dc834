#include "node/inventory/inventory.h"

#include <algorithm>

#include "node/upkeep/survey.h"

namespace vortex::node {

namespace {

// Strays that are watched at once, and bad copies that wait to be told; the next inventory finds the rest.
constexpr std::size_t kStraysMax = 256 * 1024;
constexpr std::size_t kLostMax = 64 * 1024;
constexpr Duration kLostPatience = milliseconds(200);
constexpr Duration kTryAgain = seconds(2);
constexpr Duration kBetweenPieces = milliseconds(5);

Id next_id(Id id) {
  for (std::size_t i = id.bytes.size(); i-- > 0;)
    if (++id.bytes[i] != 0) break;
  return id;
}
Id last_id() {
  Id id;
  id.bytes.fill(0xff);
  return id;
}

}  // namespace

Task<Result<InventoryDifference>> compare_inventory(Env& env, const LedRecords& records, std::uint32_t partitions,
                                                    NodeId holder, InventoryPiece piece) {
  InventoryDifference difference;
  std::sort(piece.held.begin(), piece.held.end());
  std::map<dht::PartitionNumber, std::vector<ChunkId>> held;
  for (const ChunkId& chunk : piece.held) held[dht::partition_of(chunk, partitions)].push_back(chunk);
  for (dht::PartitionNumber partition : piece.partitions) {
    const std::vector<ChunkId>& here = held[partition];
    std::vector<HeldCopy> expected;
    std::set<ChunkId> known;
    auto take = [&](const dht::PackedRecord& record) {
      const dht::KeyView key = record.key();
      if (key.place > piece.to) return false;
      if (key.name.size() != 1 || key.name[0] != static_cast<std::uint8_t>(RecordKind::header)) return true;
      auto chunk = chunk_record_in(key.place, record.value());
      if (!chunk) return true;
      // Copies that are being erased are neither missing nor too many.
      bool dropping = std::ranges::any_of(chunk->drops, [&](const Drop& drop) { return drop.node == holder; });
      if (dropping) known.insert(key.place);
      const Holder* copy = holder_of(*chunk, holder);
      if (!copy) return true;
      known.insert(key.place);
      HeldCopy missing;
      missing.chunk = key.place;
      missing.copy = copy->copy;
      if (!std::ranges::binary_search(here, key.place)) expected.push_back(missing);
      return true;
    };
    dht::Key first;
    first.place = piece.from;
    Status walked = co_await walk_records(env, records, partition, std::move(first), take);
    if (walked.is(Code::not_leader)) continue;
    if (!walked.ok()) co_return std::move(walked).error();
    difference.compared.push_back(partition);
    std::ranges::move(expected, std::back_inserter(difference.missing));
    for (const ChunkId& chunk : here)
      if (!known.contains(chunk)) difference.unexpected.push_back(chunk);
  }
  co_return difference;
}

Inventory::Inventory(Env& env, ChunkStore& store, InventoryPort& port, InventoryOptions options)
    : env_(env), store_(store), port_(port), options_(options), lost_more_(env.loop()), tasks_(env.loop()) {}

void Inventory::start() {
  tasks_.spawn(run());
  tasks_.spawn(tell_lost());
}
Task<void> Inventory::stop() { return tasks_.stop(); }

void Inventory::lost(const ChunkId& chunk) {
  if (lost_.size() >= kLostMax) return;
  lost_.insert(chunk);
  lost_more_.notify_all();
}

Task<void> Inventory::run() {
  Status waited = co_await sleep_for(env_, options_.first);
  while (waited.ok()) {
    const Instant begun = env_.now();
    (void)(co_await pass()).ok();
    waited = co_await sleep_until(env_, std::max<Instant>(begun + options_.period, env_.now() + options_.period / 2));
  }
}

Task<Status> Inventory::pass() {
  ++stats_.passes;
  std::optional<Id> after;
  Id from;
  bool last = false;
  while (!last) {
    std::vector<ChunkId> held = store_.list(after, options_.piece_chunks);
    last = held.size() < options_.piece_chunks;
    Id to = last ? last_id() : held.back();
    if (!last) after = to;
    stats_.chunks += held.size();
    CO_RETURN_IF_ERROR(co_await tell_range(from, to, std::move(held)));
    from = next_id(to);
    CO_RETURN_IF_ERROR(co_await sleep_for(env_, kBetweenPieces));
  }
  // What was not complained about this time belongs here, or is gone.
  std::erase_if(strays_, [this](const auto& stray) { return stray.second.pass != stats_.passes; });
  co_return Status();
}

Task<Status> Inventory::tell_range(Id from, Id to, std::vector<ChunkId> held) {
  std::set<dht::PartitionNumber> open;
  for (dht::PartitionNumber partition = 0; partition < port_.partitions(); ++partition) open.insert(partition);
  (void)(co_await tell_partitions(from, to, held, open)).ok();
  // Of the rest the leader was not known, or was another one.
  for (dht::PartitionNumber partition : open) (void)(co_await port_.find_leader(partition)).ok();
  if (!open.empty()) (void)(co_await tell_partitions(from, to, held, open)).ok();
  // The next inventory tells what could not be told.
  co_return Status();
}

Task<Status> Inventory::tell_partitions(Id from, Id to, const std::vector<ChunkId>& held,
                                        std::set<dht::PartitionNumber>& open) {
  Status last;
  const std::uint32_t count = port_.partitions();
  std::map<NodeId, InventoryPiece> pieces;
  std::vector<InventoryPiece*> by_partition(count, nullptr);
  for (dht::PartitionNumber partition : open) {
    auto leader = port_.leader(partition);
    if (!leader) continue;
    InventoryPiece& piece = pieces[*leader];
    piece.partitions.push_back(partition);
    by_partition[partition] = &piece;
  }
  for (const ChunkId& chunk : held)
    if (InventoryPiece* piece = by_partition[dht::partition_of(chunk, count)]) piece->held.push_back(chunk);
  for (auto& [leader, piece] : pieces) {
    piece.from = from;
    piece.to = to;
    auto difference = co_await port_.compare(leader, std::move(piece));
    if (!difference.ok()) continue;
    for (dht::PartitionNumber partition : difference->compared) open.erase(partition);
    Status told = co_await look_again(leader, std::move(*difference));
    if (!told.ok()) last = std::move(told);
  }
  co_return last;
}

// Between the list and the answer copies may have come and gone: what is said now is what the disk has now.
Task<Status> Inventory::look_again(NodeId leader, InventoryDifference difference) {
  std::vector<HeldCopy> gone, strays;
  for (const HeldCopy& copy : difference.missing)
    if (!store_.has(copy.chunk)) gone.push_back(copy);
  for (const ChunkId& chunk : difference.unexpected) {
    auto copy = co_await stray_since_long(chunk);
    if (!copy) continue;
    HeldCopy stray;
    stray.chunk = chunk;
    stray.copy = *copy;
    strays.push_back(stray);
  }
  if (gone.empty() && strays.empty()) co_return Status();
  stats_.gone += gone.size();
  stats_.strays += strays.size();
  co_return co_await port_.tell(leader, std::move(gone), std::move(strays));
}

Task<std::optional<CopyNumber>> Inventory::stray_since_long(ChunkId chunk) {
  auto info = co_await store_.stat(chunk);
  if (!info.ok()) co_return std::nullopt;
  auto known = strays_.find(chunk);
  if (known == strays_.end()) {
    if (strays_.size() >= kStraysMax) co_return std::nullopt;
    known = strays_.emplace(chunk, Stray()).first;
    known->second.copy = info->number;
    known->second.since = env_.now();
  }
  Stray& stray = known->second;
  stray.pass = stats_.passes;
  if (stray.copy != info->number) {
    // Somebody stores it just now.
    stray.copy = info->number;
    stray.since = env_.now();
  }
  if (env_.now() - stray.since < options_.stray_grace) co_return std::nullopt;
  co_return stray.copy;
}

Task<void> Inventory::tell_lost() {
  while (true) {
    while (lost_.empty()) {
      bool woken = co_await lost_more_.wait();
      if (!woken) co_return;
    }
    // The store takes it out of its index first.
    Status waited = co_await sleep_for(env_, kLostPatience);
    if (!waited.ok()) co_return;
    std::set<ChunkId> lost = std::exchange(lost_, {});
    for (const ChunkId& chunk : lost) {
      if (store_.has(chunk)) continue;
      // An inventory of one chunk, which is not there.
      std::set<dht::PartitionNumber> open;
      open.insert(dht::partition_of(chunk, port_.partitions()));
      std::vector<ChunkId> none;
      Status told = co_await tell_partitions(chunk, chunk, none, open);
      if (told.ok() && open.empty()) continue;
      lost_.insert(chunk);
      if (!open.empty()) (void)(co_await port_.find_leader(*open.begin())).ok();
    }
    if (!lost_.empty()) waited = co_await sleep_for(env_, kTryAgain);
    if (!waited.ok()) co_return;
  }
}

}  // namespace vortex::node
