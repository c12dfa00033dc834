#include "tests/scenarios/kademlia_swarm.h"

#include <algorithm>

#include "base/hash.h"
#include "tests/scenarios/kademlia_flood.h"
#include "tests/scenarios/open_handshaker.h"

namespace vortex::sim {

namespace {

constexpr Duration kJoinWithin = std::chrono::minutes(5);

net::MemoryCredentials swarm_credentials(std::uint64_t seed) {
  Dice dice(seed, "swarm");
  ClusterId cluster = dice.id();
  return net::MemoryCredentials(cluster, net::Secret::random(dice));
}

std::optional<net::Identity> swarm_identity(const KademliaNode::Plan& plan) {
  if (!plan.settings.prove) return std::nullopt;
  Dice dice(plan.world, "identity", plan.number);
  return net::Identity::generate(dice);
}

dht::Contact contact_of(const NodeId& id, const Address& address) {
  dht::Contact contact;
  contact.id = id;
  contact.address = address;
  return contact;
}

dht::KademliaOptions kademlia_options(const SwarmSettings& settings) {
  dht::KademliaOptions options;
  options.everybody = settings.everybody;
  options.check_after = settings.check_after;
  return options;
}

}  // namespace

KademliaNode::KademliaNode(Env& env, Plan plan)
    : env_(env),
      plan_(std::move(plan)),
      identity_(swarm_identity(plan_)),
      id_(identity_ ? identity_->id()
                    : sha256(as_bytes(std::to_string(plan_.world) + "/" + std::to_string(plan_.number)))),
      credentials_(swarm_credentials(plan_.world)),
      handshaker_(make_handshaker()),
      board_(env, dispatcher_),
      server_(board_, *handshaker_),
      peers_(board_, *handshaker_),
      ending_(env.loop()),
      kademlia(env, peers_, contact_of(id_, plan_.address), kademlia_options(plan_.settings)),
      tasks(env.loop()) {
  dht::serve_kademlia(dispatcher_, kademlia);
  board_.on_proven([this](const net::PeerInfo& peer) { kademlia.met(peer); });
  peers_.set_idle_close(plan_.settings.idle_close);
}

KademliaNode::~KademliaNode() = default;

std::unique_ptr<net::Handshaker> KademliaNode::make_handshaker() {
  if (!identity_) return std::make_unique<OpenHandshaker>(id_, plan_.address);
  net::LocalEnd local;
  local.identity = *identity_;
  local.transport = net::Transport::plain;
  local.advertised = plan_.address;
  return std::make_unique<net::SecureHandshaker>(env_.random(), std::move(local), credentials_, net::Presented());
}

Task<void> KademliaNode::run() {
  Address everywhere;
  everywhere.port = kKademliaPort;
  Status listening = server_.listen(everywhere);
  CHECK_MSG(listening.ok(), listening.error().to_string());
  kademlia.start();
  tasks.spawn(join());
  co_await ending_.park();
  co_await tasks.stop();
  co_await kademlia.stop();
  co_await peers_.stop();
  co_await server_.stop();
}

Task<void> KademliaNode::join() {
  if (plan_.via) {
    std::vector<Address> addresses(1, *plan_.via);
    Status joined = co_await kademlia.bootstrap(std::move(addresses), kJoinWithin);
    if (!joined.ok()) co_return;
  }
  joined_ = true;
}

Task<void> KademliaNode::stop() {
  ending_.wake();
  co_return;
}

namespace {
WorldOptions swarm_world(const SwarmSettings& settings) {
  WorldOptions options;
  options.log_level = LogLevel::warn;
  options.network = settings.network;
  return options;
}
}  // namespace

Swarm::Swarm(Run& run, SwarmSettings s)
    : settings(s),
      world_(run.make_world(swarm_world(s))),
      dice_(world_.dice("swarm scenario")),
      credentials_(swarm_credentials(world_.seed())) {
  for (std::size_t i = 0; i < settings.nodes; ++i) world_.add_machine();
}

Swarm::~Swarm() = default;

void Swarm::start(Machine& machine, std::optional<Address> via) {
  KademliaNode::Plan plan;
  plan.world = world_.seed();
  plan.number = machine.number();
  plan.via = std::move(via);
  plan.address = machine.address(kKademliaPort);
  plan.settings = settings;
  machine.start([plan](Env& env) -> std::unique_ptr<Program> { return std::make_unique<KademliaNode>(env, plan); });
}

void Swarm::start() {
  start(world_.machine(1), std::nullopt);
  Address first = world_.machine(1).address(kKademliaPort);
  for (std::size_t i = 2; i <= settings.nodes; ++i) {
    Machine* machine = &world_.machine(i);
    auto delay = Duration(dice_.below(static_cast<std::uint64_t>(settings.spread.count())) + 1);
    world_.after(delay, [this, machine, first] { start(*machine, first); });
  }
}

void Swarm::add() {
  std::vector<KademliaNode*> all = nodes();
  Address via = all[dice_.below(all.size())]->kademlia.self().address;
  start(world_.add_machine(), via);
}

void Swarm::start_flood(std::size_t identities, bool lie, std::uint64_t* shown) {
  constexpr std::size_t kShowTo = 4;
  Machine& machine = world_.add_machine();
  FloodNode::Plan plan;
  plan.world = world_.seed();
  plan.number = machine.number();
  plan.host = machine.host();
  plan.identities = identities;
  plan.lie = lie;
  plan.shown = shown;
  std::vector<KademliaNode*> all = nodes();
  for (std::size_t i = 0; i < kShowTo; ++i)
    plan.show_to.push_back(all[dice_.below(all.size())]->kademlia.self().address);
  for (std::size_t i = 0; i < identities; ++i) dishonest_.insert(FloodNode::identity(plan, i).id());
  net::MemoryCredentials* credentials = &credentials_;
  machine.start([plan, credentials](Env& env) -> std::unique_ptr<Program> {
    return std::make_unique<FloodNode>(env, plan, *credentials);
  });
}

void Swarm::add_flood(std::size_t identities, std::uint64_t* shown) { start_flood(identities, false, shown); }
void Swarm::add_liar(std::uint64_t* shown) { start_flood(1, true, shown); }

std::size_t Swarm::honest_contacts() const {
  std::size_t sum = 0;
  std::vector<KademliaNode*> all = nodes();
  for (KademliaNode* one : all)
    for (KademliaNode* other : all) sum += one->kademlia.table().find(other->kademlia.self().id) ? 1 : 0;
  return sum;
}

void Swarm::cut_one() {
  while (true) {
    std::size_t number = 2 + dice_.below(world_.machines() - 1);
    if (!node(number)) continue;
    world_.machine(number).power_cut();
    return;
  }
}

KademliaNode* Swarm::node(std::size_t number) const {
  Machine& machine = world_.machine(number);
  return machine.running() ? dynamic_cast<KademliaNode*>(machine.program()) : nullptr;
}

std::vector<KademliaNode*> Swarm::nodes() const {
  std::vector<KademliaNode*> found;
  for (std::size_t i = 1; i <= world_.machines(); ++i)
    if (KademliaNode* one = node(i)) found.push_back(one);
  return found;
}

bool Swarm::everybody_joined() const {
  std::vector<KademliaNode*> all = nodes();
  return all.size() >= settings.nodes &&
         std::all_of(all.begin(), all.end(), [](KademliaNode* one) { return one->joined(); });
}

bool Swarm::neighbours_known() const {
  std::vector<KademliaNode*> all = nodes();
  for (KademliaNode* one : all) {
    const NodeId& id = one->kademlia.self().id;
    const NodeId* nearest = nullptr;
    for (KademliaNode* other : all) {
      const NodeId& candidate = other->kademlia.self().id;
      if (other != one && (!nearest || closer(id, candidate, *nearest))) nearest = &candidate;
    }
    if (nearest && !one->kademlia.table().find(*nearest)) return false;
  }
  return true;
}

// Somebody who is still on his way in need not be found, but may be.
bool Swarm::is_nearest(const Id& target, const NodeId& found) const {
  bool there = dishonest_.contains(found);
  for (KademliaNode* one : nodes()) {
    const NodeId& id = one->kademlia.self().id;
    there = there || id == found;
    if (one->joined() && closer(target, id, found)) return false;
  }
  return there;
}

Task<void> Swarm::look_up(Swarm* swarm, KademliaNode* from, Id target, bool confirm, LookupTally* tally) {
  dht::FindOptions options;
  options.confirm = confirm;
  Duration begun = swarm->world_.now();
  auto found = co_await from->kademlia.find(target, options);
  ++tally->ended;
  if (found.is(Code::cancelled)) {
    // Who asked is gone.
    --tally->begun;
    --tally->ended;
    co_return;
  }
  if (!found.ok()) {
    ++tally->failed;
    co_return;
  }
  if (!found->nearest.empty() && swarm->is_nearest(target, found->nearest.front().id)) ++tally->right;
  tally->hops += found->hops;
  tally->hops_max = std::max<std::uint64_t>(tally->hops_max, found->hops);
  tally->requests += found->requests;
  tally->took_us.push_back(static_cast<std::uint64_t>((swarm->world_.now() - begun).count() / 1000));
}

void Swarm::look_up(LookupTally& tally, bool confirm) {
  while (true) {
    KademliaNode* from = node(1 + dice_.below(world_.machines()));
    if (!from || !from->joined()) continue;
    ++tally.begun;
    from->tasks.spawn(look_up(this, from, dice_.id(), confirm, &tally));
    return;
  }
}

void Swarm::finish(const LookupTally& tally, Duration limit) {
  world_.run_until([&tally] { return tally.ended >= tally.begun; }, limit);
}

void measure(Run& run, const LookupTally& tally) {
  run.measure("lookups", tally.begun);
  run.measure("lookups_right", tally.right);
  run.measure("lookups_failed", tally.failed);
  run.measure("hops_max", tally.hops_max);
  if (tally.took_us.empty()) return;
  std::uint64_t answered = tally.took_us.size();
  run.measure("hops_mean_thousandths", 1000 * tally.hops / answered);
  run.measure("requests_mean_thousandths", 1000 * tally.requests / answered);
  std::vector<std::uint64_t> sorted = tally.took_us;
  std::sort(sorted.begin(), sorted.end());
  run.measure("took_us_p50", sorted[answered / 2]);
  run.measure("took_us_p99", sorted[answered * 99 / 100]);
}

}  // namespace vortex::sim
