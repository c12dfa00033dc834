#include "tests/scenarios/raft_node.h"

#include <algorithm>
#include <utility>

#include "base/deadline.h"
#include "base/endian.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/channel.h"
#include "net/messages/all.h"
#include "tests/sim/dice.h"

namespace vortex::sim {

namespace {
constexpr std::uint16_t kPort = 7400;
constexpr Duration kBeatPeriod = milliseconds(300);
constexpr Duration kBeatPatience = milliseconds(900);
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

std::optional<Address> GroupWorld::address_of(const NodeId& node) const {
  for (std::size_t number = 1; number <= nodes; ++number)
    if (id(number) == node) return world->machine(number).address(kPort);
  return std::nullopt;
}

GroupModel& GroupWorld::model(dht::groups::GroupId group) {
  auto& model = models[group];
  if (!model) model = std::make_unique<GroupModel>(*world, group);
  return *model;
}

// Heartbeats in their plainest form: one call to every other node in every period, the answer is the promise.
class GroupNode::Beats final : public dht::raft::Heartbeats {
 public:
  Beats(Env& env, const GroupWorld& shared, std::size_t number, net::Peers& peers)
      : env_(env), shared_(shared), number_(number), peers_(peers) {}

  Instant heard(const NodeId& node) const override { return of(node).heard; }
  std::uint64_t boot_epoch(const NodeId& node) const override { return of(node).boot_epoch; }
  Instant acknowledged(const NodeId& node) const override { return of(node).acknowledged; }
  Instant promised_until(const NodeId& node) const override { return of(node).promised_until; }

  void serve(net::Dispatcher& dispatcher) {
    dispatcher.on<net::Echo>([this](net::Context& context, net::EchoRequest&) -> Result<net::EchoResponse> {
      if (!host_ || !hear(context.peer->id, context.peer->boot_epoch)) return Code::stale;
      Peer& peer = peers_seen_[context.peer->id];
      peer.promised_until = std::max(peer.promised_until, env_.now() + dht::groups::HostOptions().lease);
      net::EchoResponse response;
      response.data = encode(host_->moved_on_from(context.peer->id));
      return response;
    });
  }
  void start(dht::groups::Host& host, TaskGroup& tasks) {
    host_ = &host;
    for (std::size_t number = 1; number <= shared_.nodes; ++number)
      if (number != number_) tasks.spawn(beat(number));
  }
  void stop() { host_ = nullptr; }

 private:
  struct Peer {
    Instant heard{}, acknowledged{}, promised_until{};
    std::uint64_t boot_epoch = 0;
  };
  const Peer& of(const NodeId& node) const {
    static const Peer none;
    auto at = peers_seen_.find(node);
    return at == peers_seen_.end() ? none : at->second;
  }
  bool hear(const NodeId& node, std::uint64_t boot_epoch) {
    Peer& peer = peers_seen_[node];
    if (boot_epoch < peer.boot_epoch) return false;
    if (boot_epoch > peer.boot_epoch) peer.acknowledged = Instant();
    peer.boot_epoch = boot_epoch;
    peer.heard = env_.now();
    return true;
  }
  Task<void> beat(std::size_t number) {
    const net::Target target(shared_.id(number), *shared_.address_of(shared_.id(number)));
    while (true) {
      Instant began = env_.now();
      auto channel = co_await peers_.channel(target, net::Purpose::control, began + kBeatPatience);
      if (channel.is(Code::cancelled)) break;
      if (channel.ok()) {
        std::uint64_t epoch = (*channel)->peer().boot_epoch;
        Instant sent = env_.now();
        net::EchoRequest request;
        auto reply = co_await (*channel)->call<net::Echo>(request, net::CallOptions(kBeatPatience));
        if (reply.is(Code::cancelled)) break;
        if (reply.ok()) answered(target.id, epoch, sent, reply->response.data);
      }
      Status slept = co_await sleep_until(env_, began + kBeatPeriod);
      if (!slept.ok()) break;
    }
  }
  void answered(const NodeId& node, std::uint64_t epoch, Instant sent, const ByteVector& moved_on) {
    auto list = decode<std::vector<dht::GroupTerm>>(moved_on);
    if (!host_ || !list.ok() || !hear(node, epoch)) return;
    host_->hear_moved_on(node, *list);
    Peer& peer = peers_seen_[node];
    peer.acknowledged = std::max(peer.acknowledged, sent);
  }

  Env& env_;
  const GroupWorld& shared_;
  const std::size_t number_;
  net::Peers& peers_;
  dht::groups::Host* host_ = nullptr;
  std::map<NodeId, Peer> peers_seen_;
};

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
      beats_(std::make_unique<Beats>(env, shared, number, peers_)),
      ending_(env.loop()),
      tasks_(env.loop()) {
  beats_->serve(dispatcher_);
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
  auto opened = co_await dht::groups::Host::open(env_, options, *this, *beats_, dispatcher_, peers_, address_of);
  if (!opened.ok()) {
    if (!opened.is(Code::cancelled)) env_.fail_stop(opened.error().to_string());
    co_await peers_.stop();
    co_return;
  }
  host_ = std::move(*opened);
  beats_->start(*host_, tasks_);
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
  beats_->stop();
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
  Instant heard = std::max(beats_->heard(node), started_);
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
    if (write) {
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
