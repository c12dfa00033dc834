#include "node/managers.h"

#include "wal/value_store/unreadable.h"

namespace vortex::node {

namespace {
constexpr Duration kFindPatience = seconds(2);
constexpr Duration kOrdersEvery = seconds(3);
constexpr Duration kOrdersPatience = seconds(10);
constexpr Duration kWatchDiskEvery = seconds(2);
constexpr Duration kDecidePatience = seconds(20);

// Some key that lies in this partition.
dht::Key key_in(dht::PartitionNumber partition, std::uint32_t partitions) {
  dht::Key key;
  for (std::uint32_t number = 0; dht::partition_of(key.place, partitions) != partition; ++number)
    for (std::size_t i = 0; i < 4; ++i) key.place.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return key;
}

}  // namespace

std::optional<NodeId> MetadataLeaders::leader(dht::PartitionNumber partition) {
  auto place = metadata_.server().place_of(partition);
  return place ? place->leader : std::nullopt;
}

// Whoever reads there learns who leads.
Task<Status> MetadataLeaders::find_leader(dht::PartitionNumber partition) {
  dht::Key key = key_in(partition, partitions());
  auto found = co_await metadata_.records().get(std::move(key), kFindPatience);
  if (!found.ok()) co_return found.error();
  co_return Status();
}

Managers::Managers(Env& env, net::Dispatcher& dispatcher, dht::Membership& membership, Metadata& metadata,
                   ChunkStore& chunks, FilesStack& files, ManagersOptions options)
    : env_(env),
      membership_(membership),
      metadata_(metadata),
      chunks_(chunks),
      files_(files),
      events_(env, membership.id()),
      view_(membership.directory()),
      records_(metadata.host()),
      places_(env.clock(), membership.directory()),
      copier_(env, chunks, files.chunk_service(), files.holders()),
      repair_calls_(membership.id(), copier_, membership.peers(), view_, files.holders(), files.sealer()),
      repair_(env, files.chunk_records(), places_, repair_calls_),
      janitor_(
          env, metadata.records(), files.chunk_records(), files.reader(), places_,
          [this](NodeId node, ChunkId chunk, CopyNumber up_to) { return repair_calls_.erase(node, chunk, up_to); }),
      upkeep_(env, records_, places_, janitor_, options.upkeep),
      leaders_(metadata),
      desk_(env, records_, files.chunk_records(), places_, repair_calls_, leaders_),
      inventory_calls_(membership.id(), desk_, membership.peers(), view_, leaders_),
      inventory_(env, chunks, inventory_calls_, options.inventory),
      scrub_(env, chunks, options.directory + "/scrub", options.scrub),
      tasks_(env.loop()) {
  upkeep_.on_look([this](const std::vector<dht::PartitionNumber>& led) {
    repair_.keep_only(led);
    bool complete = false;
    under_peak_ = std::max(under_peak_, upkeep_.census(complete).under);
  });
  upkeep_.on_needs([this](dht::PartitionNumber partition, std::vector<RepairNeed> needs) {
    repair_.needs(partition, std::move(needs));
  });
  repair_.on_event = [this](std::string kind, std::string text) { events_.add(std::move(kind), std::move(text)); };
  desk_.on_gone = [this](const NodeId& node, const ChunkId& chunk) {
    events_.add("missing", "node " + node.short_hex() + " has lost its copy of chunk " + chunk.short_hex());
    upkeep_.hurry(dht::partition_of(chunk, leaders_.partitions()));
  };
  scrub_.on_pass = [this](const ScrubState& state) {
    if (state.damaged > 0)
      events_.add("scrub",
                  std::to_string(state.values) + " chunks read, " + std::to_string(state.damaged) + " damaged");
  };
  serve(dispatcher);
}

void Managers::start() {
  observer_ = membership_.directory().observe(
      [this](const dht::Member& now, const dht::MemberChange& change) { member_changed(now, change); });
  for (const wal::values::Damage& damage : chunks_.open_report().damaged) damaged(damage);
  for (const wal::values::Damage& torn : chunks_.open_report().torn)
    if (torn.id && !chunks_.has(*torn.id)) damaged(torn);
  upkeep_.start();
  repair_.start();
  files_.chunk_service().on_durable = [this](const ChunkId& chunk) { inventory_.expected(chunk); };
  inventory_.start();
  scrub_.start();
  tasks_.spawn(follow_orders());
  tasks_.spawn(watch_disk());
}

Task<void> Managers::stop() {
  if (observer_ != 0) membership_.directory().unobserve(observer_);
  observer_ = 0;
  co_await tasks_.stop();
  co_await scrub_.stop();
  files_.chunk_service().on_durable = nullptr;
  co_await inventory_.stop();
  co_await repair_.stop();
  co_await upkeep_.stop();
}

void Managers::damaged(const wal::values::Damage& damage) {
  if (wal::values::unreadable(damage)) disk_.note(env_.now());
  if (!damage.id) return;
  events_.add("damage", "the copy of chunk " + damage.id->short_hex() + " here is bad: " + damage.what);
  inventory_.lost(*damage.id);
}

void Managers::member_changed(const dht::Member& now, const dht::MemberChange& change) {
  std::string who = "node " + now.id.short_hex() + " at " + now.address.to_string();
  if (change.added) events_.add("member", who + " is known");
  if (change.health) events_.add("health", who + " is " + std::string(dht::to_string(now.health)));
  if (change.decision && !change.added)
    events_.add("standing", who + " is " + std::string(dht::to_string(now.standing)));
}

Task<void> Managers::watch_disk() {
  while (true) {
    Status slept = co_await sleep_for(env_, kWatchDiskEvery);
    if (!slept.ok()) co_return;
    const dht::Directory& members = membership_.directory();
    const bool active = dht::takes_data(members.standing(membership_.id()));
    const bool failing_now = disk_.failing(env_.now());
    if (active && !failing_now) disk_warning_.clear();
    if (!active || !failing_now) continue;
    const std::string failing = "the disk of node " + membership_.id().short_hex() + " reports errors";
    // Where too few would be left for the copies that are wanted, there is nobody to give them to.
    if (places_.size() <= membership_.settings().replicas) {
      disk_warning_ = failing + ": add a node, then drain this one and replace the disk";
      continue;
    }
    auto decided = co_await membership_.decide(membership_.id(), dht::Standing::draining, kDecidePatience);
    if (!decided.ok()) continue;
    disk_warning_ = failing + ": it is being drained; remove it when it is empty, and replace the disk";
    disk_.forget();
    events_.add("disk", disk_warning_);
    env_.log().warn("disk", disk_warning_);
  }
}

// One record for the whole cluster says what people have ordered.
Task<void> Managers::follow_orders() {
  while (true) {
    auto orders = co_await read_orders(metadata_.records(), kOrdersPatience);
    if (orders.ok()) {
      RepairOrders now = orders_at(*orders, env_.clock().wall_now().time_since_epoch().count());
      bool news = !(now == repair_.orders());
      if (news) repair_.order(now);
      copier_.set_rate(static_cast<double>(orders->rate_bytes));
    }
    Status slept = co_await sleep_for(env_, kOrdersEvery);
    if (!slept.ok()) co_return;
  }
}

}  // namespace vortex::node
