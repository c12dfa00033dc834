#include "node/store/sender.h"

#include <algorithm>

#include "base/event.h"
#include "base/finish.h"

namespace vortex::node {

namespace {

constexpr unsigned kSyncRounds = 3;
// What one request carries.
constexpr std::size_t kSyncReceipts = 256;

bool has_node(const std::vector<Receipt>& receipts, const NodeId& node) {
  auto same = [&node](const Receipt& receipt) { return receipt.node == node; };
  return std::any_of(receipts.begin(), receipts.end(), same);
}

}  // namespace

// Several owners at once; whoever is slow or fails has a substitute.
struct Sender::Race {
  explicit Race(Loop& loop) : changed(loop) {}
  Parcel* parcel = nullptr;
  std::size_t running = 0;  // in all
  std::size_t late = 0;     // of them, those that had their time
  unsigned wave = 0;        // 1: of those launched beside the late ones
  Error last{Code::too_few_nodes};
  Event changed;
};

Task<Result<Receipt>> Sender::bring_one(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored) {
  if (options_.probe) {
    auto touched = co_await holders_.touch(node, chunk, options_.put_timeout);
    if (touched.ok()) ++stats_.copies_found;
    if (touched.ok() || !touched.is(Code::not_found)) co_return touched;
  }
  std::size_t size = stored.size();
  auto put = co_await holders_.put(node, chunk, form, std::move(stored), options_.put_timeout);
  if (put.ok()) {
    ++stats_.copies_sent;
    stats_.bytes_sent += size;
  }
  co_return put;
}

Task<void> Sender::bring(Race& race, NodeId node) {
  const unsigned wave = race.wave;
  auto receipt = co_await bring_one(node, race.parcel->chunk, race.parcel->form, race.parcel->stored);
  --race.running;
  if (wave < race.wave) --race.late;
  bool sound = receipt.ok() && receipt->node == node && receipt->chunk == race.parcel->chunk;
  if (sound) race.parcel->staged.push_back(std::move(*receipt));
  if (!receipt.ok()) race.last = receipt.error();
  race.changed.notify_all();
}

Task<Status> Sender::stage(Parcel& parcel) {
  Race race(env_.loop());
  race.parcel = &parcel;
  TaskGroup group(env_.loop());
  std::vector<NodeId> owners = holders_.owners(parcel.chunk, options_.copies + options_.substitutes);
  std::size_t next = 0;
  std::size_t wanted = options_.copies - std::min(options_.copies, parcel.durable.size());
  auto launch = [&](std::size_t count) {
    for (; next < owners.size() && count > 0; ++next) {
      NodeId node = owners[next];
      if (std::find(parcel.tried.begin(), parcel.tried.end(), node) != parcel.tried.end()) continue;
      parcel.tried.push_back(node);
      ++race.running;
      --count;
      group.spawn(bring(race, node));
    }
  };
  launch(wanted);
  // Patience ends twice: first the slow ones get somebody beside them, then what is there must do.
  unsigned impatience = 0;
  auto expire = [&race, &impatience] {
    ++impatience;
    race.changed.notify_all();
  };
  TimerId timer = env_.clock().call_at(env_.now() + options_.slow_after, UniqueFunction<void()>(expire));
  bool cancelled = false;
  while (parcel.staged.size() < wanted && !cancelled) {
    std::size_t missing = wanted - parcel.staged.size();
    std::size_t before = next;
    if (impatience > 0 && race.wave == 0) {
      race.wave = 1;
      race.late = race.running;
      timer = env_.clock().call_at(env_.now() + options_.slow_after, UniqueFunction<void()>(expire));
    }
    std::size_t hopeful = race.running - race.late;
    if (hopeful < missing) launch(missing - hopeful);
    if (next != before) ++stats_.substituted;
    bool enough = parcel.staged.size() + parcel.durable.size() >= options_.copies_min;
    if (race.running == 0 || (impatience > 1 && enough)) break;
    cancelled = !co_await race.changed.wait();
  }
  env_.clock().cancel(timer);
  co_await group.stop();
  if (cancelled) co_return Code::cancelled;
  if (parcel.staged.size() + parcel.durable.size() >= options_.copies_min) co_return Status();
  if (race.last.is(Code::no_space) || race.last.is(Code::permission_denied)) co_return race.last;
  co_return Error(Code::too_few_nodes, "a chunk needs " + std::to_string(options_.copies_min) + " holders and found " +
                                           std::to_string(parcel.staged.size() + parcel.durable.size()) + " (" +
                                           race.last.to_string() + ")");
}

Task<void> Sender::sync_node(NodeId node, std::vector<Receipt> staged, std::vector<Receipt>& durable) {
  for (std::size_t at = 0; at < staged.size(); at += kSyncReceipts) {
    auto end = staged.begin() + static_cast<std::ptrdiff_t>(std::min(staged.size(), at + kSyncReceipts));
    std::vector<Receipt> some(staged.begin() + static_cast<std::ptrdiff_t>(at), end);
    auto synced = co_await holders_.sync(node, std::move(some), options_.sync_timeout);
    // It has restarted, or is gone: these copies count for nothing.
    if (!synced.ok()) co_return;
    for (Receipt& receipt : *synced)
      if (receipt.durable && receipt.node == node) durable.push_back(std::move(receipt));
  }
}

Task<void> Sender::sync_round(std::vector<std::unique_ptr<Parcel>>& parcels) {
  // By start of the node: one that restarted refuses what it staged before.
  std::map<std::pair<NodeId, std::uint64_t>, std::vector<Receipt>> staged;
  for (auto& parcel : parcels) {
    for (Receipt& receipt : parcel->staged) staged[{receipt.node, receipt.copy.epoch}].push_back(receipt);
    parcel->staged.clear();
  }
  std::vector<std::vector<Receipt>> durable(staged.size());
  TaskGroup group(env_.loop());
  std::size_t index = 0;
  for (auto& [holder, receipts] : staged) group.spawn(sync_node(holder.first, std::move(receipts), durable[index++]));
  co_await finish(group);
  std::map<ChunkId, Parcel*> by_chunk;
  for (auto& parcel : parcels) by_chunk[parcel->chunk] = parcel.get();
  for (auto& list : durable)
    for (Receipt& receipt : list) {
      auto parcel = by_chunk.find(receipt.chunk);
      if (parcel != by_chunk.end() && !has_node(parcel->second->durable, receipt.node))
        parcel->second->durable.push_back(std::move(receipt));
    }
}

Task<Status> Sender::settle(std::vector<std::unique_ptr<Parcel>>& parcels) {
  for (unsigned round = 0; round < kSyncRounds; ++round) {
    co_await sync_round(parcels);
    bool lacking = false;
    for (auto& parcel : parcels) {
      if (parcel->durable.size() >= options_.copies_min) continue;
      lacking = true;
      ++stats_.resent;
      // Also those that were asked before: one that has restarted is a good place again.
      parcel->tried.clear();
      for (const Receipt& receipt : parcel->durable) parcel->tried.push_back(receipt.node);
      CO_RETURN_IF_ERROR(co_await stage(*parcel));
    }
    if (!lacking) {
      for (auto& parcel : parcels) parcel->stored = Buffer();
      co_return Status();
    }
  }
  co_return Error(Code::too_few_nodes, "holders restart faster than copies become durable");
}

}  // namespace vortex::node
