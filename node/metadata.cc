#include "node/metadata.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/random.h"

namespace vortex::node {

namespace {
// Nodes that are asked where partitions are, when that is not known.
constexpr std::size_t kAnybodyMax = 8;
// Groups are small: a newcomer takes its share of a few hundred of them within seconds.
constexpr std::size_t kChangesAtOnce = 32;
constexpr double kChangesPerSecond = 400;
// Members that hear of a change from each that has heard of it.
constexpr std::size_t kTellAtOnce = 3;
// In a ring: of those near a partition, its members included.
constexpr std::size_t kTellNearest = 8;

dht::PartitionMachines::Options machines_with(std::size_t memory_max) {
  dht::PartitionMachines::Options options;
  options.memory_max = memory_max;
  return options;
}
}  // namespace

Metadata::Metadata(Env& env, dht::Membership& membership, std::size_t memory_max)
    : env_(env),
      membership_(membership),
      machines_(env, machines_with(memory_max)),
      nearest_(env, membership.kademlia()),
      port_(
          env, membership.peers(), table_, [this](const NodeId& id) { return address_of(id); },
          [this] { return anybody(); }),
      client_(env, port_) {
  port_.set_lookup(&nearest_);
}

Metadata::~Metadata() = default;

std::optional<Address> Metadata::address_of(const NodeId& id) const {
  auto member = membership_.directory().find(id);
  if (!member) return std::nullopt;
  return member->address;
}

std::vector<net::Target> Metadata::anybody() const {
  std::vector<net::Target> targets;
  for (const dht::Member& member :
       dht::sample_alive(membership_.directory(), membership_.id(), kAnybodyMax, env_.random()))
    targets.emplace_back(member.id, member.address);
  return targets;
}

Task<Result<std::unique_ptr<Metadata>>> Metadata::open(Env& env, net::Dispatcher& dispatcher,
                                                       dht::Membership& membership, std::string directory,
                                                       std::size_t memory_max) {
  auto metadata = std::unique_ptr<Metadata>(new Metadata(env, membership, memory_max));
  Metadata* self = metadata.get();
  auto address_of = [self](const NodeId& id) { return self->address_of(id); };
  dht::groups::HostOptions options;
  options.self = membership.id();
  options.boot_epoch = membership.boot_epoch();
  options.directory = std::move(directory);
  CO_ASSIGN_OR_RETURN(metadata->host_, co_await dht::groups::Host::open(env, options, metadata->machines_,
                                                                        membership.heartbeats().for_groups(),
                                                                        dispatcher, membership.peers(), address_of));
  metadata->server_ =
      std::make_unique<dht::RecordsServer>(env, *metadata->host_, metadata->machines_, metadata->table_, address_of);
  metadata->server_->serve_records(dispatcher);
  metadata->port_.set_local(membership.id(), metadata->server_.get());
  co_return metadata;
}

Task<Status> Metadata::create(std::uint32_t partitions) {
  // A first start that was cut short may have made some of them.
  std::vector<dht::groups::GroupId> there = host_->groups(), missing;
  for (dht::groups::GroupId group = 0; group < partitions; ++group)
    if (std::ranges::find(there, group) == there.end()) missing.push_back(group);
  if (missing.empty()) co_return Status();
  co_return co_await host_->create(std::move(missing));
}

void Metadata::start() {
  const net::ClusterSettings& settings = membership_.settings();
  table_.set_partitions(settings.partitions);
  neighbours_ = std::make_unique<Neighbours>(membership_.directory(), settings.partitions);
  dht::groups::ManagerOptions options;
  options.replicas = settings.replicas;
  options.changes_at_once = kChangesAtOnce;
  options.changes_per_second = kChangesPerSecond;
  manager_ = std::make_unique<dht::groups::Manager>(env_, *host_, *neighbours_, options);
  membership_.heartbeats().set_passengers(host_.get());
  membership_.heartbeats().on_doubt([this](const NodeId& node) { host_->look_again(node); });
  host_->start(this);
  tell_partners();
  manager_->start();
  settler_ = std::make_unique<dht::Settler>(env_, *host_, client_.operations());
  settler_->start();
  announcer_ = std::make_unique<dht::Announcer>(
      env_, membership_.peers(), table_,
      [this](std::vector<dht::PartitionNumber> partitions) { return audience(std::move(partitions)); });
  announcer_->start();
  server_->on_told([this](dht::PartitionNumber partition) {
    if (membership_.settings().topology == net::Topology::all_to_all) announcer_->changed(partition);
  });
}

Task<void> Metadata::retire(Duration patience) {
  if (manager_) co_await manager_->stop();
  if (settler_) co_await settler_->stop();
  server_->on_told(nullptr);
  if (announcer_) co_await announcer_->stop();
  co_await client_.stop();
  co_await host_->hand_over(patience);
}

Task<void> Metadata::stop() {
  membership_.heartbeats().on_doubt(nullptr);
  membership_.heartbeats().set_passengers(nullptr);
  co_await host_->stop();
}

std::size_t Metadata::durable_at(const Id& place) const {
  if (table_.partitions() == 0) return 1;
  const auto partition = dht::partition_of(place, table_.partitions());
  if (auto view = host_->view(partition)) return view->configuration.voters.size() / 2 + 1;
  const net::PartitionPlace* known = table_.find(partition);
  if (!known) return 1;
  const auto voters = std::ranges::count_if(known->members, [](const auto& member) { return member.voter; });
  return static_cast<std::size_t>(voters) / 2 + 1;
}

dht::Duty Metadata::duty() const {
  auto group = dht::partition_of(dht::DecisionBook::place(), membership_.settings().partitions);
  auto view = host_->view(group);
  if (!view || view->role != dht::raft::Role::leader) return dht::Duty::none;
  for (const dht::raft::Replica& replica : view->configuration.members())
    if (!dht::belongs(membership_.directory().standing(replica.node))) return dht::Duty::follow;
  return dht::Duty::renew;
}

void Metadata::leadership(dht::groups::GroupId group, bool, dht::raft::Term) { changed(group); }

void Metadata::changed(dht::groups::GroupId group) {
  (void)server_->place_of(group);
  tell_partners();
  auto view = host_->view(group);
  if (announcer_ && view && view->role == dht::raft::Role::leader) announcer_->changed(group);
}

std::vector<std::pair<net::Target, std::vector<dht::PartitionNumber>>> Metadata::audience(
    std::vector<dht::PartitionNumber> partitions) const {
  std::map<NodeId, std::vector<dht::PartitionNumber>> heard;
  if (membership_.settings().topology == net::Topology::all_to_all) {
    for (const dht::Member& member :
         dht::sample_alive(membership_.directory(), membership_.id(), kTellAtOnce, env_.random()))
      heard[member.id] = partitions;
  } else {
    for (dht::PartitionNumber partition : partitions)
      for (const NodeId& node : neighbours_->closest(partition, kTellNearest))
        if (node != membership_.id()) heard[node].push_back(partition);
  }
  std::vector<std::pair<net::Target, std::vector<dht::PartitionNumber>>> audience;
  for (auto& [node, about] : heard)
    if (auto address = address_of(node)) audience.emplace_back(net::Target(node, *address), std::move(about));
  return audience;
}

void Metadata::left(dht::groups::GroupId) { tell_partners(); }

void Metadata::tell_partners() {
  std::set<NodeId> partners;
  for (dht::groups::GroupId group : host_->groups()) {
    auto view = host_->view(group);
    if (!view) continue;
    for (const dht::raft::Replica& replica : view->configuration.members()) partners.insert(replica.node);
  }
  partners.erase(membership_.id());
  membership_.heartbeats().set_partners(std::vector<NodeId>(partners.begin(), partners.end()));
}

}  // namespace vortex::node
