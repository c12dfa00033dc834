#include "dht/joining/membership.h"

#include <algorithm>

#include "base/log.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
net::LocalEnd end_of(const NodeState& state, const MembershipOptions& options) {
  net::LocalEnd local;
  local.identity = state.identity;
  local.boot_epoch = state.boot_epoch;
  local.advertised = options.advertise.host.empty() ? options.listen : options.advertise;
  local.transport = options.transport;
  return local;
}

// The directory says who is there.
KademliaOptions kademlia_options(const Directory& directory) {
  KademliaOptions options;
  options.vouched = true;
  options.admissible = [&directory](const NodeId& id) { return belongs(directory.standing(id)); };
  return options;
}

HeartbeatOptions heartbeat_options(const NodeState& state) {
  HeartbeatOptions options;
  options.self = state.identity.id();
  return options;
}
}  // namespace

Task<Result<std::unique_ptr<Membership>>> Membership::open(Env& env, net::Dispatcher& dispatcher,
                                                           MembershipOptions options) {
  NodeStore store(env, options.directory);
  CO_ASSIGN_OR_RETURN(NodeState state, co_await store.open());
  co_return std::unique_ptr<Membership>(new Membership(env, dispatcher, std::move(options), std::move(state)));
}

Membership::Membership(Env& env, net::Dispatcher& dispatcher, MembershipOptions options, NodeState state)
    : env_(env),
      options_(std::move(options)),
      state_(std::move(state)),
      store_(env, options_.directory),
      credentials_(state_, directory_),
      handshaker_(env.random(), end_of(state_, options_), credentials_, net::Presented()),
      board_(env, dispatcher),
      server_(board_, handshaker_),
      peers_(board_, handshaker_),
      heartbeats_(env, peers_, dispatcher, directory_, heartbeat_options(state_)),
      kademlia_(env, peers_, Contact{state_.identity.id(), Address()}, kademlia_options(directory_)),
      saved_event_(env.loop()),
      tasks_(env.loop()) {
  board_.limits = options_.connections;
  auto join = [this](net::Context context, net::JoinRequest request) {
    return serve_join(std::move(context), std::move(request));
  };
  dispatcher.on<net::Join>(join);
  auto catch_up = [this](net::Context& context, net::CatchUpRequest& request) {
    return serve_catch_up(context, request);
  };
  dispatcher.on<net::CatchUp>(catch_up);
  auto down = [this](const NodeId& id, const Error& error) {
    heartbeats_.connection_down(id);
    if (error.is(Code::stale)) catch_up_with(id);
    if (error.is(Code::permission_denied)) refused_by(id);
    if (on_down_) on_down_(id, error);
  };
  peers_.on_down(down);
  serve_kademlia(dispatcher, kademlia_);
  board_.on_proven([this](const net::PeerInfo& peer) { kademlia_.met(peer); });
  auto behind = [this](const NodeId& id) { catch_up_with(id); };
  heartbeats_.on_behind(behind);
}

net::LocalEnd Membership::local_end() const {
  net::LocalEnd local = end_of(state_, options_);
  local.advertised = address();
  return local;
}

Membership::~Membership() { CHECK(!started_); }

Address Membership::address() const {
  if (!options_.advertise.host.empty()) return options_.advertise;
  Address address = options_.listen;
  if (address.port == 0 && server_.listening()) address.port = server_.local().port;
  return address;
}

// As it is in this life.
Member Membership::self_member() const {
  Member self = state_.self;
  self.id = id();
  self.address = address();
  self.boot_epoch = state_.boot_epoch;
  self.incarnation = 0;
  self.health = Health::alive;
  return self;
}

Task<Status> Membership::create(net::ClusterSettings settings) {
  CHECK(!started_ && !belongs_somewhere());
  state_.cluster = env_.random().id();
  net::ClusterKey& key = state_.keys.emplace_back();
  key.epoch = 1;
  key.secret = net::Secret::random(env_.random());
  state_.settings = settings;
  state_.settings.version = 1;
  state_.self.decided = 1;
  state_.self.standing = Standing::active;
  state_.self.zone = options_.zone;
  state_.self.capacity = options_.capacity;
  Status saved = co_await save_state();
  if (!saved.ok()) {
    state_.cluster = ClusterId();
    state_.keys.clear();
    co_return saved;
  }
  found_ = true;
  co_return begin(self_member());
}

Task<Status> Membership::resume() {
  CHECK(!started_ && belongs_somewhere());
  if (state_.self.standing == Standing::evicted)
    co_return Error(Code::permission_denied,
                    "this node was evicted from its cluster for good; with an empty data directory it can join as a "
                    "new one");
  // What the operator says of this node when he starts it is a decision too.
  describe_ = state_.self.zone != options_.zone || state_.self.capacity != options_.capacity;
  std::vector<Member> contacts = co_await store_.load_contacts();
  for (const Member& member : contacts) {
    auto merged = directory_.merge(member);
    if (!merged.ok()) env_.log().warn("members", "a remembered member is refused", Field("error", merged.error()));
  }
  co_return begin(self_member());
}

// Everything runs from here on.
Status Membership::begin(Member self) {
  if (!server_.listening()) RETURN_IF_ERROR(server_.listen(options_.listen));
  self.address = address();
  handshaker_.advertise(self.address);
  handshaker_.present(net::Presented());
  auto merged = directory_.merge(self);
  if (!merged.ok()) return std::move(merged).error();
  kademlia_.set_self_address(self.address);
  kademlia_.know_everybody(state_.settings.topology == Topology::all_to_all);
  kademlia_.start();
  fill_routes();
  auto notice = [this](const Member& now, const MemberChange& change) { noticed(now, change); };
  observer_ = directory_.observe(notice);
  started_ = true;
  heartbeats_.set_topology(state_.settings.topology);
  heartbeats_.set_interval(milliseconds(state_.settings.heartbeat_ms));
  tell_versions();
  heartbeats_.start();
  tasks_.spawn(stay());
  return Status();
}

// Something has changed in the directory.
void Membership::noticed(const Member& now, const MemberChange& change) {
  note_absence(now);
  route_by(now, change);
  if (now.id == id()) {
    if (change.decision) tasks_.spawn(keep_decision(now));
    if (now.boot_epoch > state_.boot_epoch) env_.fail_stop("another process has started with this node's identity");
    return;
  }
  if (!change.decision || belongs(now.standing)) return;
  Error reason(Code::permission_denied, "not a member any more");
  peers_.close(now.id, reason);
  server_.close_channels(now.id, reason);
}

void Membership::note_absence(const Member& now) {
  if (!belongs(now.standing)) {
    absent_.erase(now.id);
  } else if (now.health == Health::dead) {
    absent_.try_emplace(now.id, Absence{env_.now(), std::nullopt}).first->second.back_since.reset();
  } else if (auto known = absent_.find(now.id); known != absent_.end() && !known->second.back_since) {
    known->second.back_since = env_.now();
  }
}

Task<void> Membership::stop() {
  if (started_) {
    directory_.unobserve(observer_);
    Status kept = co_await remember_contacts();
    if (!kept.ok() && !kept.is(Code::cancelled))
      env_.log().warn("members", "cannot remember the members", Field("error", kept.error()));
  }
  co_await tasks_.stop();
  co_await heartbeats_.stop();
  co_await kademlia_.stop();
  TaskGroup closing(env_.loop());
  closing.spawn(peers_.stop());
  closing.spawn(server_.stop());
  co_await closing.join();
  started_ = false;
}

// Those who wait together share a write.
Task<Status> Membership::save_state() {
  std::uint64_t wanted = ++saves_;
  while (saved_ < wanted) {
    if (saving_) {
      bool woken = co_await saved_event_.wait();
      if (!woken) co_return Code::cancelled;
      continue;
    }
    saving_ = true;
    std::uint64_t holds = saves_;
    Status status = co_await store_.save(state_);
    saving_ = false;
    if (status.ok()) saved_ = std::max(saved_, holds);
    saved_event_.notify_all();
    if (!status.ok()) co_return status;
  }
  co_return Status();
}

// What is decided about this node outlives its restarts.
Task<void> Membership::keep_decision(Member now) {
  state_.self.decided = now.decided;
  state_.self.standing = now.standing;
  state_.self.zone = now.zone;
  state_.self.capacity = now.capacity;
  Status saved = co_await save_state();
  if (!saved.ok() && !saved.is(Code::cancelled))
    env_.log().error("members", "a decision about this node cannot be kept", Field("error", saved.error()));
  if (now.standing == Standing::evicted && !saved.is(Code::cancelled))
    env_.fail_stop("this node was evicted from the cluster");
}

void Membership::tell_versions() { heartbeats_.set_versions(state_.settings.version, key_epoch()); }

void Membership::adopt(const net::ClusterSettings& settings) {
  if (settings.version <= state_.settings.version) return;
  state_.settings = settings;
  bool everybody = settings.topology == Topology::all_to_all;
  if (everybody != (heartbeats_.topology() == Topology::all_to_all)) {
    kademlia_.know_everybody(everybody);
    fill_routes();
  }
  heartbeats_.set_topology(settings.topology);
  heartbeats_.set_interval(milliseconds(settings.heartbeat_ms));
  tell_versions();
}

// True when there was something new in them.
bool Membership::adopt_keys(const std::vector<net::ClusterKeyCopy>& keys) {
  if (keys.empty() || keys.size() > net::kClusterKeysMax || keys.front().epoch <= key_epoch()) return false;
  state_.keys.clear();
  for (const net::ClusterKeyCopy& copy : keys) {
    net::ClusterKey& key = state_.keys.emplace_back();
    key.epoch = copy.epoch;
    key.secret = copy.secret;
  }
  tell_versions();
  return true;
}

std::vector<net::ClusterKeyCopy> Membership::key_copies() const {
  std::vector<net::ClusterKeyCopy> copies;
  for (const net::ClusterKey& key : state_.keys) {
    net::ClusterKeyCopy& copy = copies.emplace_back();
    copy.epoch = key.epoch;
    copy.secret = key.secret;
  }
  return copies;
}

}  // namespace vortex::dht
