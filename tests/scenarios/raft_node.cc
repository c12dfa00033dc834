#include "tests/scenarios/raft_node.h"

#include <algorithm>
#include <utility>

#include "base/deadline.h"
#include "base/endian.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/channel.h"
#include "net/messages/raft.h"
#include "tests/sim/dice.h"

namespace vortex::sim {

namespace {
constexpr std::uint16_t kPort = 7400;
constexpr Duration kProposalPatience = seconds(4);

net::Secret secret_of(const World& world) {
  Dice dice(world.seed(), "cluster secret");
  return net::Secret::random(dice);
}

ClusterId cluster_of(const World& world) { return sha256(as_bytes("groups " + std::to_string(world.seed()))); }

net::LocalEnd local_end(const GroupWorld& shared, std::size_t number, std::uint64_t boot_epoch) {
  net::LocalEnd local;
  local.identity = shared.identity(number);
  local.transport = net::Transport::plain;
  local.boot_epoch = boot_epoch;
  return local;
}
}  // namespace

net::Identity GroupWorld::identity(std::size_t number) const {
  Dice dice(world->seed(), "identity", number);
  return net::Identity::generate(dice);
}

NodeId GroupWorld::id(std::size_t number) const {
  auto known = ids.find(number);
  if (known == ids.end()) known = ids.emplace(number, identity(number).id()).first;
  return known->second;
}

std::optional<Address> GroupWorld::address_of(const NodeId& node) const {
  for (std::size_t number = 1; number <= nodes; ++number)
    if (id(number) == node) return Address{"m" + std::to_string(number), kPort};
  return std::nullopt;
}

GroupModel& GroupWorld::model(dht::groups::GroupId group) {
  auto& model = models[group];
  if (!model) model = std::make_unique<GroupModel>(*world, group);
  return *model;
}

namespace {
dht::HeartbeatOptions heartbeat_options(const GroupWorld& shared, std::size_t number) {
  dht::HeartbeatOptions options;
  options.self = shared.id(number);
  return options;
}
}  // namespace

GroupNode::GroupNode(Env& env, GroupWorld& shared, std::size_t number, std::uint64_t boot_epoch)
    : env_(env),
      shared_(shared),
      number_(number),
      boot_epoch_(boot_epoch),
      credentials_(cluster_of(*shared.world), secret_of(*shared.world)),
      handshaker_(env.random(), local_end(shared, number, boot_epoch), credentials_, net::Presented()),
      board_(env, dispatcher_),
      peers_(board_, handshaker_),
      server_(board_, handshaker_),
      heartbeats_(env, peers_, dispatcher_, directory_, heartbeat_options(shared, number)),
      ending_(env.loop()),
      tasks_(env.loop()) {
  for (std::size_t other = 1; other <= shared.nodes; ++other) {
    dht::Member member;
    member.id = shared.id(other);
    member.address = *shared.address_of(member.id);
    member.boot_epoch = other == number ? boot_epoch : 0;
    member.decided = 1;
    member.standing = dht::Standing::active;
    member.capacity = 1;
    auto merged = directory_.merge(member);
    CHECK_MSG(merged.ok(), merged.error().to_string());
  }
  peers_.on_down([this](const NodeId& id, const Error&) { heartbeats_.connection_down(id); });
}

GroupNode::~GroupNode() = default;

std::unique_ptr<dht::groups::StateMachine> GroupNode::make(dht::groups::GroupId group, std::string) {
  return std::make_unique<TallyMachine>(env_, shared_.model(group));
}

TallyMachine* GroupNode::tally(dht::groups::GroupId group) {
  return host_ ? static_cast<TallyMachine*>(host_->machine(group)) : nullptr;
}

Task<void> GroupNode::run() {
  dht::groups::HostOptions options;
  options.self = shared_.id(number_);
  options.boot_epoch = boot_epoch_;
  options.directory = "meta";
  options.checkpoint_bytes = shared_.checkpoint_bytes;
  options.wal.segment_bytes = 1 * kMiB;
  options.wal.group_bytes = 256 * kKiB;
  options.wal.live_segments_max = 64;
  GroupWorld* all = &shared_;
  auto address_of = [all](const NodeId& node) { return all->address_of(node); };
  auto opened =
      co_await dht::groups::Host::open(env_, options, *this, heartbeats_.for_groups(), dispatcher_, peers_, address_of);
  if (!opened.ok()) {
    if (!opened.is(Code::cancelled)) env_.fail_stop(opened.error().to_string());
    co_await peers_.stop();
    co_return;
  }
  host_ = std::move(*opened);
  std::vector<NodeId> partners;
  for (std::size_t other = 1; other <= shared_.nodes; ++other) partners.push_back(shared_.id(other));
  heartbeats_.set_partners(std::move(partners));
  heartbeats_.set_passengers(host_.get());
  heartbeats_.on_doubt([this](const NodeId& id) { host_->look_again(id); });
  heartbeats_.start();
  host_->start(nullptr);
  Address everywhere;
  everywhere.port = kPort;
  Status listening = server_.listen(everywhere);
  CHECK_MSG(listening.ok(), listening.error().to_string());
  started_ = env_.now();
  const dht::groups::Neighbourhood& near = *this;
  manager_ = std::make_unique<dht::groups::Manager>(env_, *host_, near, dht::groups::ManagerOptions());
  if (shared_.managed) manager_->start();
  if (shared_.managed && number_ == 1) tasks_.spawn(create_groups());
  if (shared_.clients)
    for (const auto& [group, model] : shared_.models) tasks_.spawn(client(group));
  bool asked = stopping_;
  if (!stopping_) asked = co_await ending_.park();
  if (asked) co_await host_->hand_over(seconds(2));
  co_await tasks_.stop();
  co_await manager_->stop();
  co_await heartbeats_.stop();
  co_await server_.stop();
  co_await peers_.stop();
  co_await host_->stop();
}

Task<void> GroupNode::stop() {
  stopping_ = true;
  ending_.wake();
  co_return;
}

Task<void> GroupNode::create_groups() {
  if (shared_.created) co_return;
  std::vector<dht::groups::GroupId> missing;
  for (const auto& [group, model] : shared_.models)
    if (!host_->view(group)) missing.push_back(group);
  Status created = co_await host_->create(std::move(missing));
  shared_.created = created.ok();
}

std::vector<NodeId> GroupNode::closest(dht::groups::GroupId group, std::size_t count) const {
  const Id place = sha256(as_bytes("group " + std::to_string(group)));
  std::vector<NodeId> nodes;
  for (std::size_t number = 1; number <= shared_.nodes; ++number)
    if (state(shared_.id(number)) != dht::groups::NodeState::gone) nodes.push_back(shared_.id(number));
  std::sort(nodes.begin(), nodes.end(), [&place](const NodeId& a, const NodeId& b) { return closer(place, a, b); });
  nodes.resize(std::min(nodes.size(), count));
  return nodes;
}

dht::groups::NodeState GroupNode::state(const NodeId& node) const {
  if (node == shared_.id(number_)) return dht::groups::NodeState::well;
  Instant heard = std::max(heartbeats_.for_groups().heard(node), started_);
  if (env_.now() > heard + shared_.evict_after) return dht::groups::NodeState::gone;
  return env_.now() > heard + seconds(3) ? dht::groups::NodeState::away : dht::groups::NodeState::well;
}

Task<Status> GroupNode::propose_one(GroupModel& model, dht::groups::GroupId group) {
  std::uint64_t command = model.new_command();
  ByteVector bytes(8 + env_.random().below(shared_.padding + 1));
  store_le(bytes.data(), command);
  std::uint64_t before = model.last_acknowledged();
  auto answer = co_await host_->propose(group, std::move(bytes), env_.now() + kProposalPatience);
  if (!answer.ok()) co_return answer.error();
  model.acknowledged(load_le<std::uint64_t>(answer->data()), command, before);
  co_return Status();
}

Task<Status> GroupNode::read_one(GroupModel& model, dht::groups::GroupId group) {
  std::uint64_t seen = model.last_acknowledged();
  Status barrier = co_await host_->read_barrier(group, env_.now() + kProposalPatience);
  if (!barrier.ok()) co_return barrier;
  if (TallyMachine* machine = tally(group)) model.read(machine->last_index(), seen);
  co_return Status();
}

Task<void> GroupNode::client(dht::groups::GroupId group) {
  GroupModel& model = shared_.model(group);
  while (true) {
    bool write = env_.random().chance(0.6);
    Status outcome;
    if (shared_.quiet) {
      outcome = Code::busy;
    } else if (write) {
      outcome = co_await propose_one(model, group);
    } else {
      outcome = co_await read_one(model, group);
    }
    if (outcome.is(Code::cancelled)) break;
    Duration pause = outcome.ok() ? milliseconds(env_.random().below(40)) : milliseconds(50);
    Status slept = co_await sleep_for(env_, pause);
    if (!slept.ok()) break;
  }
}

void start_group_node(Machine& machine, GroupWorld& shared, std::size_t number) {
  machine.start([&machine, &shared, number](Env& env) -> std::unique_ptr<Program> {
    return std::make_unique<GroupNode>(env, shared, number, machine.processes() + 1);
  });
}

}  // namespace vortex::sim
