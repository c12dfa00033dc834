#include "tests/scenarios/heal_node.h"

#include <algorithm>

#include "base/hash.h"
#include "tests/sim/world.h"

namespace vortex::sim {

using node::HolderHealth;

void Roster::join(std::size_t number) {
  seats_[number] = Seat();
  ids_[number] = facts_.identity(number).id();
  numbers_[ids_[number]] = number;
  changed();
}
void Roster::drain(std::size_t number) {
  seats_.at(number).draining = true;
  changed();
}
void Roster::leave(std::size_t number) {
  seats_.at(number).gone = true;
  seats_.at(number).health = HolderHealth::gone;
  changed();
}

void Roster::look(World& world) {
  bool news = false;
  for (auto& [number, seat] : seats_) {
    if (seat.gone) continue;
    Machine* machine = world.find_machine("m" + std::to_string(number));
    HolderHealth now = HolderHealth::well;
    if (machine == nullptr || !machine->running()) {
      if (!seat.down_since) seat.down_since = world.now();
      Duration down = world.now() - *seat.down_since;
      if (down > kDeadAfter) now = HolderHealth::away;
      if (down > kLostAfter) now = HolderHealth::lost;
    } else {
      seat.down_since.reset();
    }
    news = news || now != seat.health;
    seat.health = now;
  }
  if (news) changed();
}

void Roster::changed() {
  ++changes_;
  std::vector<dht::RingNode> nodes;
  for (const auto& [number, seat] : seats_)
    if (!seat.draining && seat.health < HolderHealth::lost) nodes.push_back({id(number), 1, ""});
  ring_ = dht::Ring(std::move(nodes));
  leaders_before_ = leaders_;
  leaders_.clear();
  for (dht::PartitionNumber partition = 0; partition < facts_.partitions->count(); ++partition) {
    std::uint64_t best = 0;
    for (const auto& [number, seat] : seats_) {
      std::string text = std::to_string(partition) + " " + std::to_string(number);
      std::uint64_t rank = xxh3(as_bytes(text)) | 1;
      if (seat.health != HolderHealth::well || rank <= best) continue;
      best = rank;
      leaders_[partition] = number;
    }
  }
}

net::Target Roster::target(const NodeId& node) const {
  auto number = numbers_.find(node);
  Address address;
  if (number != numbers_.end()) address.host = "m" + std::to_string(number->second);
  address.port = kStoragePort;
  return net::Target(node, address);
}

const Roster::Seat* Roster::seat(const NodeId& node) const {
  auto number = numbers_.find(node);
  return number == numbers_.end() ? nullptr : &seats_.at(number->second);
}
HolderHealth Roster::health(const NodeId& node) const {
  const Seat* known = seat(node);
  return known ? known->health : HolderHealth::away;
}
bool Roster::belongs(std::size_t number) const {
  auto known = seats_.find(number);
  return known != seats_.end() && !known->second.gone;
}
std::vector<std::size_t> Roster::members() const {
  std::vector<std::size_t> members;
  for (const auto& [number, seat] : seats_)
    if (!seat.gone) members.push_back(number);
  return members;
}
std::size_t Roster::silent() const {
  auto dead = [](const auto& entry) { return !entry.second.gone && entry.second.health != HolderHealth::well; };
  return static_cast<std::size_t>(std::ranges::count_if(seats_, dead));
}

std::optional<std::size_t> Roster::leader(dht::PartitionNumber partition) const {
  auto known = leaders_.find(partition);
  if (known == leaders_.end()) return std::nullopt;
  return known->second;
}
bool Roster::leads(std::size_t number, dht::PartitionNumber partition) const {
  auto now = leaders_.find(partition), before = leaders_before_.find(partition);
  return (now != leaders_.end() && now->second == number) ||
         (before != leaders_before_.end() && before->second == number);
}

std::vector<dht::PartitionNumber> RosterRecords::led() const {
  std::vector<dht::PartitionNumber> led;
  for (dht::PartitionNumber partition = 0; partition < roster_.facts().partitions->count(); ++partition)
    if (roster_.leads(self_, partition)) led.push_back(partition);
  return led;
}
const dht::Partition* RosterRecords::state(dht::PartitionNumber partition) const {
  return roster_.leads(self_, partition) ? &roster_.facts().partitions->partition(partition) : nullptr;
}
std::vector<node::LedRecords::Newest> RosterRecords::held() const {
  std::vector<Newest> held;
  for (dht::PartitionNumber partition = 0; partition < roster_.facts().partitions->count(); ++partition)
    held.emplace_back(partition, roster_.facts().partitions->newest(partition));
  return held;
}
std::optional<NodeId> RosterRecords::leader(dht::PartitionNumber partition) {
  auto number = roster_.leader(partition);
  if (!number) return std::nullopt;
  return roster_.id(*number);
}

namespace {

node::UpkeepOptions upkeep_options() {
  node::UpkeepOptions options;
  options.reclaim_grace = seconds(6);
  options.upload_silence = seconds(65);
  options.follow_up = seconds(5);
  options.period = seconds(2);
  options.quiet = seconds(1);
  return options;
}
node::InventoryOptions inventory_options() {
  node::InventoryOptions options;
  options.period = seconds(8);
  options.first = seconds(3);
  options.stray_grace = seconds(10);
  options.piece_chunks = 50;
  return options;
}

}  // namespace

HealNode::Managers::Managers(Env& env, HealNode& node)
    : holders(node.self(), *node.store_, *node.chunk_service_, node.end_.holders),
      copier(env, *node.store_, *node.chunk_service_, holders),
      calls(node.self(), copier, node.end_.peers, node.view_, holders, node.sealer_),
      repair(env, node.chunk_records_, node.places_, calls),
      janitor(env, node.records_, node.chunk_records_, node.reader_, node.places_,
              [this](NodeId at, ChunkId chunk, node::CopyNumber up_to) { return calls.erase(at, chunk, up_to); }),
      upkeep(env, node.led_, node.places_, janitor, upkeep_options()),
      desk(env, node.led_, node.chunk_records_, node.places_, calls, node.led_),
      inventory_calls(node.self(), desk, node.end_.peers, node.view_, node.led_),
      inventory(env, *node.store_, inventory_calls, inventory_options()) {
  upkeep.on_needs([this](dht::PartitionNumber partition, std::vector<node::RepairNeed> needs) {
    repair.needs(partition, std::move(needs));
  });
  upkeep.on_look([this](const std::vector<dht::PartitionNumber>& led) { repair.keep_only(led); });
}

void HealNode::Managers::start() {
  upkeep.start();
  repair.start();
  inventory.start();
}
Task<void> HealNode::Managers::stop() {
  co_await inventory.stop();
  co_await repair.stop();
  co_await upkeep.stop();
}

node::FileServiceOptions HealNode::service_options(Roster& roster, node::ChunkHolders& holders) {
  node::FileServiceOptions options;
  Roster* known = &roster;
  options.active_nodes = [known] { return known->ring().size(); };
  options.caller_of = [](const net::Context&) -> Result<node::Caller> { return node::Caller::root(); };
  options.prove = [&holders](NodeId node, ChunkId chunk, Duration timeout) {
    return node::prove(holders, node, chunk, timeout);
  };
  return options;
}

HealNode::HealNode(Env& env, Roster& roster, std::size_t number)
    : env_(env),
      roster_(roster),
      number_(number),
      view_(roster),
      end_(env, roster.facts(), number, &view_),
      server_(end_.board, end_.handshaker),
      sealer_(as_bytes("receipts of " + std::to_string(roster.facts().seed))),
      records_(env, *roster.facts().partitions, roster.facts().records),
      tree_(env, records_),
      names_(tree_),
      chunk_records_(env, records_),
      files_(file_service_, node::Caller::root()),
      reader_(env, files_, end_.holders),
      file_service_(env, names_, chunk_records_, reader_, sealer_, service_options(roster, end_.holders)),
      led_(roster, number),
      places_(env, roster),
      ending_(env.loop()) {}

Task<Status> HealNode::open() {
  node::ChunkStoreOptions options;
  options.check = node::is_chunk;
  options.on_damage = [this](const wal::values::Damage& damage) {
    if (managers_ && damage.id) managers_->inventory.lost(*damage.id);
  };
  CO_ASSIGN_OR_RETURN(store_, co_await node::ChunkStore::open(env_, "chunks", options));
  chunk_service_ = std::make_unique<node::ChunkService>(env_, self(), *store_, sealer_);
  chunk_service_->serve(end_.dispatcher);
  file_service_.serve(end_.dispatcher);
  managers_ = std::make_unique<Managers>(env_, *this);
  managers_->copier.serve(end_.dispatcher);
  managers_->desk.serve(end_.dispatcher);
  Address everywhere;
  everywhere.port = kStoragePort;
  CO_RETURN_IF_ERROR(server_.listen(everywhere));
  managers_->start();
  co_return Status();
}

Task<void> HealNode::run() {
  // One that left is let in by nobody.
  Status opened = Code::cancelled;
  if (roster_.belongs(number_)) opened = co_await open();
  if (opened.ok() && !stopping_) co_await ending_.park();
  if (!opened.ok() && !opened.is(Code::cancelled)) env_.fail_stop(opened.error().to_string());
  if (managers_) co_await managers_->stop();
  co_await server_.stop();
  co_await file_service_.stop();
  co_await tree_.stop();
  co_await end_.stop();
  if (!store_) co_return;
  (void)(co_await store_->stop()).ok();
}

Task<void> HealNode::stop() {
  stopping_ = true;
  ending_.wake();
  co_return;
}

}  // namespace vortex::sim
