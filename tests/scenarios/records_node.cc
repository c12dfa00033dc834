#include "tests/scenarios/records_node.h"

#include <algorithm>

#include "base/hash.h"
#include "base/log.h"

namespace vortex::sim {

namespace {

constexpr std::uint16_t kPort = 7400;

net::Secret secret_of(const RecordsWorld& shared) {
  Dice dice(shared.world->seed(), "records secret");
  return net::Secret::random(dice);
}

ClusterId cluster_of(const RecordsWorld& shared) {
  return sha256(as_bytes("records " + std::to_string(shared.world->seed())));
}

net::LocalEnd local_end_of(const RecordsWorld& shared, std::size_t number, std::uint64_t boot_epoch) {
  net::LocalEnd local;
  local.identity = shared.identity(number);
  local.transport = net::Transport::plain;
  local.boot_epoch = boot_epoch;
  return local;
}

dht::HeartbeatOptions beats_of(const RecordsWorld& shared, std::size_t number) {
  dht::HeartbeatOptions options;
  options.self = shared.id(number);
  return options;
}

dht::AddressOf addresses_of(const RecordsWorld& shared) {
  return [&shared](const NodeId& node) { return shared.address_of(node); };
}

dht::RemotePort::Anybody everybody_of(const RecordsWorld& shared) {
  return [&shared] {
    std::vector<net::Target> known;
    for (std::size_t node = 1; node <= shared.nodes; ++node) known.push_back(shared.target(node));
    return known;
  };
}

}  // namespace

net::Identity RecordsWorld::identity(std::size_t number) const {
  Dice dice(world->seed(), "records identity", number);
  return net::Identity::generate(dice);
}

NodeId RecordsWorld::id(std::size_t number) const {
  auto known = ids.find(number);
  if (known == ids.end()) known = ids.emplace(number, identity(number).id()).first;
  return known->second;
}

net::Target RecordsWorld::target(std::size_t number) const {
  return net::Target(id(number), world->machine(number).address(kPort));
}

std::optional<Address> RecordsWorld::address_of(const NodeId& node) const {
  for (std::size_t number = 1; number <= nodes; ++number)
    if (id(number) == node) return world->machine(number).address(kPort);
  return std::nullopt;
}

RecordsEnd::RecordsEnd(Env& env, const RecordsWorld& shared, std::size_t number, std::uint64_t boot_epoch)
    : credentials(cluster_of(shared), secret_of(shared)),
      handshaker(env.random(), local_end_of(shared, number, boot_epoch), credentials, net::Presented()),
      board(env, dispatcher),
      peers(board, handshaker) {}

RecordsNode::RecordsNode(Env& env, RecordsWorld& shared, std::size_t number, std::uint64_t boot_epoch)
    : env_(env),
      shared_(shared),
      number_(number),
      boot_epoch_(boot_epoch),
      end_(env, shared, number, boot_epoch),
      server_(end_.board, end_.handshaker),
      heartbeats_(env, end_.peers, end_.dispatcher, directory_, beats_of(shared, number)),
      machines_(env),
      table_(shared.partitions),
      port_(env, end_.peers, table_, addresses_of(shared), everybody_of(shared)),
      operations_(env, port_, dht::RecordsClientOptions()),
      ending_(env.loop()),
      tasks_(env.loop()) {
  fill_directory();
}

void RecordsNode::fill_directory() {
  for (std::size_t number = 1; number <= shared_.nodes; ++number) {
    dht::Member member;
    member.id = shared_.id(number);
    member.address = shared_.target(number).address;
    member.boot_epoch = number == number_ ? boot_epoch_ : 1;
    member.decided = 1;
    member.standing = dht::Standing::active;
    member.capacity = kGiB;
    CHECK(directory_.merge(member).ok());
  }
}

Task<void> RecordsNode::run() {
  dht::groups::HostOptions options;
  options.self = shared_.id(number_);
  options.boot_epoch = boot_epoch_;
  options.directory = "meta";
  options.checkpoint_bytes = shared_.checkpoint_bytes;
  options.wal.segment_bytes = 1 * kMiB;
  options.wal.group_bytes = 256 * kKiB;
  options.wal.live_segments_max = 64;
  if (shared_.short_log != 0) {
    options.checkpoint_bytes = 4 * kMiB;
    options.wal.segment_bytes = 128 * kKiB;
    options.wal.group_bytes = 32 * kKiB;
    options.wal.live_segments_max = shared_.short_log;
  }
  dht::AddressOf address_of = addresses_of(shared_);
  auto opened = co_await dht::groups::Host::open(env_, options, machines_, heartbeats_.for_groups(), end_.dispatcher,
                                                 end_.peers, address_of);
  if (!opened.ok()) {
    if (!opened.is(Code::cancelled)) env_.fail_stop(opened.error().to_string());
    co_await heartbeats_.stop();
    co_await end_.peers.stop();
    co_return;
  }
  host_ = std::move(*opened);
  records_ = std::make_unique<dht::RecordsServer>(env_, *host_, machines_, table_, address_of);
  records_->serve_records(end_.dispatcher);
  port_.set_local(shared_.id(number_), records_.get());
  settler_ = std::make_unique<dht::Settler>(env_, *host_, operations_);
  heartbeats_.set_passengers(host_.get());
  std::vector<NodeId> partners;
  for (std::size_t number = 1; number <= shared_.nodes; ++number)
    if (number != number_) partners.push_back(shared_.id(number));
  heartbeats_.set_partners(std::move(partners));
  heartbeats_.on_doubt([this](const NodeId& node) { host_->look_again(node); });
  end_.peers.on_down([this](const NodeId& node, const Error&) { heartbeats_.connection_down(node); });
  host_->start(nullptr);
  Address everywhere;
  everywhere.port = kPort;
  Status listening = server_.listen(everywhere);
  CHECK_MSG(listening.ok(), listening.error().to_string());
  heartbeats_.start();
  settler_->start();
  started_ = env_.now();
  const dht::groups::Neighbourhood& near = *this;
  manager_ = std::make_unique<dht::groups::Manager>(env_, *host_, near, dht::groups::ManagerOptions());
  if (shared_.managed) manager_->start();
  if (number_ == 1) tasks_.spawn(grow());
  bool asked = stopping_;
  if (!stopping_) asked = co_await ending_.park();
  if (asked) co_await host_->hand_over(seconds(2));
  co_await tasks_.stop();
  co_await manager_->stop();
  co_await settler_->stop();
  co_await operations_.stop(milliseconds(100));
  co_await server_.stop();
  heartbeats_.set_passengers(nullptr);
  co_await heartbeats_.stop();
  co_await end_.peers.stop();
  co_await host_->stop();
}

Task<void> RecordsNode::stop() {
  stopping_ = true;
  ending_.wake();
  co_return;
}

Task<void> RecordsNode::grow() {
  if (!shared_.created) {
    std::vector<dht::groups::GroupId> missing;
    for (std::uint32_t partition = 0; partition < shared_.partitions; ++partition)
      if (!host_->view(partition)) missing.push_back(partition);
    Status created = co_await host_->create(std::move(missing));
    if (!created.ok()) co_return;
    shared_.created = true;
  }
  if (shared_.managed) co_return;
  while (shared_.grown.size() < shared_.partitions) {
    for (std::uint32_t partition = 0; partition < shared_.partitions; ++partition) {
      if (shared_.grown.contains(partition)) continue;
      Status grown = co_await grow_one(partition);
      if (grown.ok()) shared_.grown.insert(partition);
    }
    Status slept = co_await sleep_for(env_, milliseconds(100));
    if (!slept.ok()) co_return;
  }
}

std::vector<NodeId> RecordsNode::closest(dht::groups::GroupId group, std::size_t count) const {
  const Id place = dht::partition_id(group, shared_.partitions);
  std::vector<NodeId> nodes;
  for (std::size_t number = 1; number <= shared_.nodes; ++number)
    if (state(shared_.id(number)) != dht::groups::NodeState::gone) nodes.push_back(shared_.id(number));
  std::sort(nodes.begin(), nodes.end(), [&place](const NodeId& a, const NodeId& b) { return closer(place, a, b); });
  nodes.resize(std::min(nodes.size(), count));
  return nodes;
}

dht::groups::NodeState RecordsNode::state(const NodeId& node) const {
  if (node == shared_.id(number_)) return dht::groups::NodeState::well;
  const Instant heard = std::max(heartbeats_.for_groups().heard(node), started_);
  if (env_.now() > heard + shared_.evict_after) return dht::groups::NodeState::gone;
  return env_.now() > heard + seconds(2) ? dht::groups::NodeState::away : dht::groups::NodeState::well;
}

Task<Status> RecordsNode::grow_one(std::uint32_t partition) {
  auto view = host_->view(partition);
  if (!view) co_return Code::not_found;
  const Instant deadline = env_.now() + seconds(5);
  for (std::size_t number = 1; number <= shared_.nodes && number <= 3; ++number) {
    const NodeId node = shared_.id(number);
    bool member = false;
    for (const dht::raft::Replica& replica : view->configuration.members()) member |= replica.node == node;
    if (!member) CO_RETURN_IF_ERROR(co_await host_->add_learner(partition, node, deadline));
  }
  view = host_->view(partition);
  dht::raft::Configuration target;
  target.voters = view->configuration.members();
  if (target.voters.size() < std::min<std::size_t>(3, shared_.nodes)) co_return Code::busy;
  if (view->configuration.voters.size() == target.voters.size()) co_return Status();
  co_return co_await host_->change(partition, target, deadline);
}

RecordsUser::RecordsUser(Env& env, RecordsWorld& shared, std::size_t number, RecordsWorkload& workload)
    : env_(env),
      workload_(workload),
      end_(env, shared, 1000 + number, 1),
      port_(
          env, end_.peers, table_, [](const NodeId&) { return std::optional<Address>(); }, everybody_of(shared)),
      client_(env, port_),
      ending_(env.loop()),
      tasks_(env.loop()) {}

Task<void> RecordsUser::run() {
  for (int i = 0; i < 2; ++i) tasks_.spawn(workload_.client(env_, client_));
  tasks_.spawn(workload_.teller(env_, client_));
  co_await ending_.park();
  co_await tasks_.stop();
  co_await finish();
}

Task<void> RecordsUser::finish() {
  co_await client_.stop();
  co_await end_.peers.stop();
}

Task<void> RecordsUser::stop() {
  ending_.wake();
  co_return;
}

}  // namespace vortex::sim
