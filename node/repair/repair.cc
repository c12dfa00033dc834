#include "node/repair/repair.h"

#include <algorithm>

namespace vortex::node {

namespace {
constexpr Duration kMeasureEvery = seconds(1);
constexpr Duration kAfterFailure = milliseconds(50);
constexpr double kRateMemory = 0.7;
// A chunk that failed is left alone for so many times as long as that took, so that those which cannot be mended leave
// most of the time to those which can, and to what is only in the wrong place.
constexpr int kFailedShare = 3;
constexpr Duration kFailedRestMax = std::chrono::minutes(1);
constexpr std::size_t kFailedMax = 64 * 1024;
// More than a third of the members, and more than one, is too many to be true.
constexpr std::size_t kDeadShare = 3;
// Of one chunk, when one after the other has no space.
constexpr std::size_t kTargetsTried = 4;
}  // namespace

Repair::Repair(Env& env, ChunkRecords& records, Places& places, RepairPort& port, RepairOptions options)
    : env_(env),
      records_(records),
      places_(places),
      port_(port),
      options_(options),
      bytes_(env.loop(), options.bytes_in_flight),
      changed_(env.loop()),
      tasks_(env.loop()) {}

void Repair::start() {
  for (std::size_t i = 0; i < options_.tasks_at_once; ++i) tasks_.spawn(work());
  tasks_.spawn(measure());
}

Task<void> Repair::stop() { return tasks_.stop(); }

void Repair::add(Item item) {
  if (!queue_.insert(item).second) return;
  Counters& count = counters(item.need.urgency);
  ++count.left;
  count.bytes_left += item.need.size;
}

void Repair::remove(const Item& item) {
  if (queue_.erase(item) == 0) return;
  Counters& count = counters(item.need.urgency);
  --count.left;
  count.bytes_left -= item.need.size;
}

void Repair::needs(dht::PartitionNumber partition, std::vector<RepairNeed> needs) {
  std::set<RepairNeed> fresh(needs.begin(), needs.end());
  std::set<RepairNeed>& known = by_partition_[partition];
  Item item;
  item.partition = partition;
  for (const RepairNeed& need : known) {
    item.need = need;
    if (!fresh.contains(need)) remove(item);
  }
  for (const RepairNeed& need : fresh) {
    item.need = need;
    if (!busy_.contains(need.chunk) && !rests(need.chunk)) add(item);
  }
  known = std::move(fresh);
  changed_.notify_all();
}

bool Repair::rests(const ChunkId& chunk) const {
  auto known = not_before_.find(chunk);
  return known != not_before_.end() && env_.now() < known->second;
}

void Repair::failed(const ChunkId& chunk, Duration took) {
  if (not_before_.size() >= kFailedMax)
    std::erase_if(not_before_, [this](const auto& known) { return known.second <= env_.now(); });
  if (not_before_.size() < kFailedMax)
    not_before_[chunk] = env_.now() + std::min<Duration>(took * kFailedShare, kFailedRestMax);
}

void Repair::keep_only(const std::vector<dht::PartitionNumber>& led) {
  for (auto& [partition, known] : by_partition_) {
    if (std::ranges::binary_search(led, partition)) continue;
    Item item;
    item.partition = partition;
    for (const RepairNeed& need : known) {
      item.need = need;
      remove(item);
    }
    known.clear();
  }
}

void Repair::order(RepairOrders orders) {
  orders_ = orders;
  changed_.notify_all();
}

bool Repair::too_many_dead() const {
  std::size_t silent = places_.silent();
  return silent > 1 && silent * kDeadShare > places_.members();
}

std::string Repair::waits() const {
  if (orders_.repair_paused) return "paused";
  if (too_many_dead() && !orders_.anyway)
    return std::to_string(places_.silent()) + " of " + std::to_string(places_.members()) +
           " members look dead at once, which is a fault of the network more often than a disaster; 'vortex repair "
           "resume --anyway' if it is one";
  return "";
}

std::optional<Repair::Item> Repair::next() {
  if (queue_.empty() || !waits().empty()) return std::nullopt;
  Item first = *queue_.begin();
  if (first.need.urgency == Urgency::misplaced) {
    // What is only in the wrong place waits for what is missing.
    if (orders_.rebalance_paused || repair_.running > 0) return std::nullopt;
  }
  return first;
}

Task<void> Repair::work() {
  while (true) {
    auto item = next();
    if (!item) {
      bool woken = co_await changed_.wait();
      if (!woken) co_return;
      continue;
    }
    remove(*item);
    busy_.insert(item->need.chunk);
    Counters& count = counters(item->need.urgency);
    ++count.running;
    count.bytes_running += item->need.size;
    count.active = true;
    const Instant begun = env_.now();
    auto mended = co_await mend(item->need);
    --count.running;
    count.bytes_running -= item->need.size;
    busy_.erase(item->need.chunk);
    by_partition_[item->partition].erase(item->need);
    // What failed is found again by the next look.
    if (!mended.ok()) {
      failed(item->need.chunk, env_.now() - begun);
      Status slept = co_await sleep_for(env_, kAfterFailure);
      if (!slept.ok()) co_return;
    }
    if (mended.ok() && mended->anything) {
      ++count.done;
      count.bytes_done += mended->moved;
    }
    changed_.notify_all();
  }
}

Task<void> Repair::measure() {
  while (true) {
    Status slept = co_await sleep_for(env_, kMeasureEvery);
    if (!slept.ok()) co_return;
    for (Counters* count : {&repair_, &rebalance_}) {
      double lately = static_cast<double>(count->bytes_done - count->bytes_counted) / to_seconds(kMeasureEvery);
      count->bytes_counted = count->bytes_done;
      count->rate = count->rate * kRateMemory + lately * (1 - kRateMemory);
      bool active = count->running > 0 || count->left > 0;
      if (count->active && !active && on_event && count->done > 0)
        on_event(count == &repair_ ? "repair" : "rebalance",
                 std::to_string(count->done) + " chunks mended, " + std::to_string(count->bytes_done) + " bytes moved");
      if (count->active && !active) *count = Counters();
      count->active = active;
    }
    bool too_many = too_many_dead() && !orders_.anyway;
    if (too_many && !said_too_many_ && on_event) on_event("repair", "waits: " + waits());
    if (said_too_many_ && !too_many) changed_.notify_all();
    said_too_many_ = too_many;
  }
}

Task<Result<Repair::Mended>> Repair::mend(RepairNeed task) {
  Mended mended;
  // What is true now, not what a look saw a while ago.
  CO_ASSIGN_OR_RETURN(ChunkRecords::Known known, co_await records_.look(task.chunk, options_.record_timeout));
  if (!known.record || known.record->condemned != 0) co_return mended;
  ChunkNeed need = judge(task.chunk, *known.record, places_);
  mended.anything = !need.idle();
  if (!need.forget.empty()) {
    CO_RETURN_IF_ERROR(co_await records_.forget_nodes(task.chunk, std::move(need.forget), options_.record_timeout));
    CO_ASSIGN_OR_RETURN(known, co_await records_.look(task.chunk, options_.record_timeout));
    if (!known.record || known.record->condemned != 0) co_return mended;
    need = judge(task.chunk, *known.record, places_);
  }
  // Where a target has no space another one is found at once.
  for (std::size_t round = 0; round < kTargetsTried && !need.add.empty(); ++round) {
    std::uint32_t size = known.record->stored_size;
    CO_ASSIGN_OR_RETURN(Made made, co_await make_copies(task.chunk, size, std::move(need)));
    mended.moved += made.moved;
    CO_ASSIGN_OR_RETURN(known, co_await records_.look(task.chunk, options_.record_timeout));
    if (!known.record || known.record->condemned != 0) co_return mended;
    need = judge(task.chunk, *known.record, places_);
    if (!made.full) break;
  }
  if (!need.drop.empty() && !orders_.rebalance_paused)
    CO_RETURN_IF_ERROR(co_await drop_surplus(task.chunk, std::move(known), std::move(need)));
  co_return mended;
}

Task<Result<Repair::Made>> Repair::make_copies(ChunkId chunk, std::uint32_t size, ChunkNeed need) {
  Made all;
  Status last;
  for (const NodeId& target : need.add) {
    CO_ASSIGN_OR_RETURN(Permit room, co_await bytes_.acquire(std::max<std::size_t>(size, 1)));
    std::vector<NodeId> sources = need.good;
    std::rotate(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(turn_++ % sources.size()),
                sources.end());
    auto made = co_await port_.copy(target, chunk, size, std::move(sources));
    if (made.is(Code::no_space)) {
      if (!places_.full(target) && on_event) on_event("full", "node " + target.short_hex() + " has no space left");
      places_.note_full(target);
      all.full = true;
      continue;
    }
    if (!made.ok()) {
      last = made.error();
      continue;
    }
    all.moved += made->moved;
    CO_RETURN_IF_ERROR(co_await records_.add_copy(std::move(made->receipt), options_.record_timeout));
  }
  if (!last.ok()) co_return std::move(last).error();
  co_return all;
}

// Every copy that is to stay has just been read by its holder before another one goes.
Task<Status> Repair::drop_surplus(ChunkId chunk, ChunkRecords::Known known, ChunkNeed need) {
  std::size_t proven = 0;
  for (const Holder& holder : known.record->holders) {
    bool stays = std::ranges::find(need.good, holder.node) != need.good.end() &&
                 std::ranges::find(need.drop, holder.node) == need.drop.end();
    if (!stays) continue;
    CO_ASSIGN_OR_RETURN(bool sound, co_await port_.prove(holder.node, chunk, holder.copy));
    if (!sound) {
      CO_RETURN_IF_ERROR(co_await records_.remove_copy(chunk, holder.node, holder.copy, options_.record_timeout));
      co_return Error(Code::damaged, "a copy that was to stay is not sound");
    }
    ++proven;
  }
  if (proven < need.wanted) co_return Error(Code::too_few_nodes, "too few copies would stay");
  CO_ASSIGN_OR_RETURN(
      bool begun, co_await records_.begin_drops(chunk, known.version, std::move(need.drop), options_.record_timeout));
  if (!begun) co_return Status();
  RepairPort* port = &port_;
  ChunkRecords::Erase erase = [port](NodeId node, ChunkId of, CopyNumber up_to) {
    return port->erase(node, of, up_to);
  };
  auto done = co_await records_.drop_step(chunk, 0, std::move(erase), options_.record_timeout);
  if (!done.ok()) co_return done.error();
  co_return Status();
}

RepairWork Repair::work_of(const Counters& counters) {
  RepairWork work;
  work.active = counters.active;
  work.done = counters.done;
  work.left = counters.left + counters.running;
  work.bytes_done = counters.bytes_done;
  work.bytes_left = counters.bytes_left + counters.bytes_running;
  work.rate = counters.rate;
  return work;
}
RepairWork Repair::repair() const { return work_of(repair_); }
RepairWork Repair::rebalance() const { return work_of(rebalance_); }

}  // namespace vortex::node
