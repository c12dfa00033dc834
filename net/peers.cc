#include "net/peers.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/log.h"

namespace vortex::net {

Peers::Peers(Switchboard& switchboard, Handshaker& handshaker)
    : switchboard_(switchboard),
      env_(switchboard.env),
      handshaker_(handshaker),
      users_left_(env_.loop()),
      tasks_(env_.loop()) {}

class Peers::Use {
 public:
  Use(Peers& peers, Peer& peer) : peers_(peers), peer_(peer) {
    ++peers_.users_;
    ++peer_.users;
  }
  ~Use() {
    --peer_.users;
    if (--peers_.users_ == 0) peers_.users_left_.wake();
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Peers& peers_;
  Peer& peer_;
};

Peers::~Peers() = default;

Task<void> Peers::stop() {
  stopped_ = true;
  for (auto& [key, peer] : peers_)
    for (Link& link : peer->links) link.changed.notify_all();
  co_await tasks_.stop();
  while (users_ > 0) co_await users_left_.park_uncancellable();
}

Peers::Key Peers::key_of(const Target& to) {
  return to.id.is_zero() ? Key(NodeId(), to.address) : Key(to.id, Address());
}

Channel* Peers::open_channel(const Target& to, Purpose purpose) {
  auto found = peers_.find(key_of(to));
  if (found == peers_.end()) return nullptr;
  Channel* channel = found->second->link(purpose).channel.get();
  return channel && channel->open() ? channel : nullptr;
}

Result<Peers::Peer*> Peers::find_or_add(const Target& to) {
  Key key = key_of(to);
  auto found = peers_.find(key);
  if (found == peers_.end()) {
    if (to.address.host.empty()) return Error(Code::unreachable, "no address is known for " + to.id.short_hex());
    if (peers_.size() >= kPeersMax) forget_unused(Instant::max());
    if (peers_.size() >= kPeersMax) return Error(Code::busy, "too many peers").with_retry_after(kBusyRetryMs);
    found = peers_.emplace(key, std::make_unique<Peer>(env_, to)).first;
  }
  Peer& peer = *found->second;
  if (!to.address.host.empty() && to.address != peer.target.address) {
    peer.target.address = to.address;
    // What was learned about the old address says nothing about the new one.
    for (Link& link : peer.links) {
      link.failures = 0;
      link.not_before = Instant();
    }
  }
  return &peer;
}

Task<Result<Channel*>> Peers::channel(Target to, Purpose purpose, Instant deadline) {
  CO_ASSIGN_OR_RETURN(Peer * peer, find_or_add(to));
  Use use(*this, *peer);
  co_return co_await wait_for_channel(*peer, purpose, deadline);
}

Task<Result<Channel*>> Peers::wait_for_channel(Peer& peer, Purpose purpose, Instant deadline) {
  Link& link = peer.link(purpose);
  while (true) {
    if (stopped_) co_return Error(Code::closed, "shutting down");
    if (link.channel && link.channel->open()) co_return link.channel.get();
    std::uint64_t failed_before = link.failed_attempts;
    if (!link.busy) CO_RETURN_IF_ERROR(begin_connecting(peer, purpose));
    // It may have been over at once.
    if (link.failed_attempts != failed_before) co_return link.error;
    if (link.channel && link.channel->open()) co_return link.channel.get();
    if (link.changed.size() >= kWaitingCallsMax)
      co_return Error(Code::busy, "too many calls to this peer").with_retry_after(kBusyRetryMs);
    CO_RETURN_IF_ERROR(co_await link.changed.wait(deadline));
    if (link.failed_attempts != failed_before) co_return link.error;
  }
}

Status Peers::begin_connecting(Peer& peer, Purpose purpose) {
  Link& link = peer.link(purpose);
  Instant now = env_.now();
  if (now < link.not_before) {
    auto wait = std::chrono::ceil<milliseconds>(link.not_before - now).count();
    Error error(link.error.code(), std::string(link.error.message()));
    return std::move(error).with_retry_after(static_cast<std::uint32_t>(wait));
  }
  if (links_ + dialling_ >= switchboard_.limits.links && !make_place())
    return Error(Code::busy, "too many connections are in use").with_retry_after(kBusyRetryMs);
  link.busy = true;
  ++dialling_;
  if (!tidying_) {
    tidying_ = true;
    tasks_.spawn(tidy());
  }
  tasks_.spawn(keep(peer, purpose));
  return Status();
}

// The life of one link, from dialling to the moment when it can be dialled again.
Task<void> Peers::keep(Peer& peer, Purpose purpose) {
  Link& link = peer.link(purpose);
  auto secured = co_await connect(peer, purpose);
  --dialling_;
  if (!secured.ok()) {
    switchboard_.metrics.connects_failed.add();
    link.busy = false;
    ++link.failed_attempts;
    failed(peer, link, std::move(secured).error(), false);
    co_return;
  }
  switchboard_.metrics.connects.add();
  switchboard_.member_hosts.add(secured->peer.address.host);
  Instant begun = env_.now();
  auto channel = std::make_shared<Channel>(switchboard_, std::move(*secured));
  link.channel = channel;
  link.ours = false;
  ++links_;
  tasks_.spawn(live(channel));
  link.changed.notify_all();
  co_await channel->wait_closed();
  link.channel.reset();
  link.busy = false;
  if (link.ours || tasks_.cancelled()) {
    link.failures = 0;
    link.changed.notify_all();
    co_return;
  }
  bool lasted = env_.now() - begun >= kShortLife;
  if (lasted) link.failures = 0;
  Error why(Code::unreachable, std::string(channel->closed_because().message()));
  failed(peer, link, std::move(why), lasted);
}

// A channel ends when the last handler has, which may be long after it was closed.
Task<void> Peers::live(std::shared_ptr<Channel> channel) {
  co_await channel->run();
  --links_;
}

Task<Result<Secured>> Peers::connect(Peer& peer, Purpose purpose) {
  Link& link = peer.link(purpose);
  link.unwelcome.clear();
  auto secured = co_await with_timeout<Secured>(env_, kConnectPatience, dial(peer.target, purpose));
  if (!secured.ok()) co_return std::move(secured).error();
  if (std::ranges::find(link.unwelcome, secured->peer.id) != link.unwelcome.end()) {
    secured->connection->close();
    co_return Error(Code::permission_denied, "no longer one of us");
  }
  co_return std::move(*secured);
}

Task<Result<Secured>> Peers::dial(Target to, Purpose purpose) {
  std::optional<NodeId> expected;
  if (!to.id.is_zero()) expected = to.id;
  auto connection = co_await env_.network().connect(to.address);
  if (!connection.ok()) co_return std::move(connection).error();
  co_return co_await handshaker_.as_client(std::move(*connection), expected, purpose);
}

// One that lasted is replaced at once when it is wanted, one that broke at once is a failure like any other.
void Peers::failed(Peer& peer, Link& link, Error error, bool lasted) {
  std::string address = peer.target.address.to_string();
  if (error.is(Code::timed_out)) {
    link.error = Error(Code::unreachable, "no answer from " + address);
  } else {
    link.error = std::move(error).in(address);
  }
  auto delay = std::min<Duration>(kBackoffMax, kBackoffMin * (std::int64_t(1) << std::min(link.failures, 16u)));
  double jitter = 0.5 + env_.random().unit();
  link.not_before = env_.now() + std::chrono::duration_cast<Duration>(delay * jitter);
  ++link.failures;
  if (lasted) link.not_before = env_.now();
  link.changed.notify_all();
  env_.log().debug("net", "no connection", Field("peer", address), Field("id", peer.target.id),
                   Field("error", link.error), Field("failures", link.failures));
  if (!on_down_ || tasks_.cancelled()) return;
  // The observer may call others, and with that make this peer forgotten.
  NodeId id = peer.target.id;
  Error told = link.error;
  on_down_(id, told);
}

void Peers::close(const NodeId& id, const Error& reason) {
  // Those that were called by their address alone too.
  for (auto& [key, peer] : peers_)
    for (Link& link : peer->links) {
      if (link.busy && !link.channel) link.unwelcome.push_back(id);
      if (!link.channel || link.channel->peer().id != id) continue;
      link.ours = true;
      link.channel->close(reason);
    }
}

void Peers::renew(const NodeId& id, Purpose purpose, const Error& reason) {
  auto found = peers_.find(Key(id, Address()));
  if (found == peers_.end()) return;
  Link& link = found->second->link(purpose);
  link.not_before = env_.now();
  if (!link.channel) return;
  link.ours = true;
  link.channel->close(reason);
}

void Peers::let_go(const Target& to) {
  auto found = peers_.find(key_of(to));
  if (found == peers_.end()) return;
  Link& link = found->second->link(Purpose::control);
  if (found->second->users > 0 || !link.channel || !link.channel->open() || !link.channel->idle()) return;
  link.ours = true;
  link.channel->close(Error(Code::closed, "not needed any more"));
}

Task<void> Peers::tidy() {
  while (true) {
    Status slept = co_await sleep_for(env_, std::min(kTidyPeriod, idle_close_ / 2));
    if (!slept.ok()) break;
    Instant now = env_.now();
    close_idle(now);
    forget_unused(now);
  }
}

void Peers::close_idle(Instant now) {
  for (auto& [key, peer] : peers_)
    for (Link& link : peer->links) {
      if (!link.channel || !link.channel->idle() || now < link.channel->last_used() + idle_close_) continue;
      link.ours = true;
      link.channel->close(Error(Code::closed, "idle"));
    }
}

// Nothing is connected or waited for, and its failures are long enough ago to be forgotten.
void Peers::forget_unused(Instant now) {
  auto unused = [now](const auto& entry) {
    return entry.second->users == 0 && std::ranges::all_of(entry.second->links, [now](const Link& link) {
             return !link.busy && now >= link.not_before + kIdleClose;
           });
  };
  std::erase_if(peers_, unused);
}

// The connection that was idle for the longest time goes. False when none is idle: then there is no room for another.
bool Peers::make_place() {
  if (links_ + dialling_ >= switchboard_.limits.links + kLinksClosingMax) return false;
  Link* oldest = nullptr;
  std::size_t open = 0;
  for (auto& [key, peer] : peers_)
    for (Link& link : peer->links) {
      if (!link.channel || !link.channel->open()) continue;
      ++open;
      if (!link.channel->idle()) continue;
      if (!oldest || link.channel->last_used() < oldest->channel->last_used()) oldest = &link;
    }
  // Enough are on their way out.
  if (open + dialling_ < switchboard_.limits.links) return true;
  if (!oldest) return false;
  oldest->ours = true;
  oldest->channel->close(Error(Code::closed, "making place"));
  return true;
}

}  // namespace vortex::net
