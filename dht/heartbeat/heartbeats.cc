// The beats themselves: who is called when, what goes with it, and what its answer means.
#include "dht/heartbeat/heartbeats.h"

#include <algorithm>

#include "base/log.h"
#include "dht/heartbeat/link.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
// What rides on one acknowledgement. One that names so many groups may have no room for others.
constexpr std::size_t kMovedOnMax = 1000;
constexpr Duration kConnectWithin = seconds(5);
constexpr Duration kForgetLink = seconds(60);
constexpr Duration kForgetLedger = std::chrono::minutes(10);
// A timer that is late by more says that this process did not run.
constexpr int kLateShare = 2;
// A peer with news waits so much of an interval at least between two heartbeats.
constexpr int kHurryShare = 4;
// Members chosen at random are for mixing and need no close watch.
constexpr int kRandomPeriods = 3;
}  // namespace

Heartbeats::Heartbeats(Env& env, net::Peers& peers, net::Dispatcher& dispatcher, Directory& directory,
                       HeartbeatOptions options)
    : env_(env),
      peers_(peers),
      directory_(directory),
      options_(options),
      votes_from_(env.now() + options.lease),
      beats_(env.metrics().counter("vortex_heartbeats_sent", "heartbeats sent")),
      suspicions_(env.metrics().counter("vortex_members_suspected", "members that this node has suspected")),
      condemned_(env.metrics().counter("vortex_members_condemned", "members that this node has declared dead")),
      refutations_(env.metrics().counter("vortex_members_refutations", "suspicions of this node that it has refuted")),
      comparisons_(env.metrics().counter("vortex_members_comparisons", "comparisons of whole directories")),
      late_(env.metrics().counter("vortex_heartbeats_late", "times that this process did not run when it wanted to")),
      tasks_(env.loop()) {
  auto answer = [this](net::Context& context, net::HeartbeatRequest& request) { return serve(context, request); };
  dispatcher.on<net::Heartbeat>(answer);
  auto compare = [this](net::Context& context, net::CompareMembersRequest& request) {
    return serve_comparison(context, request);
  };
  dispatcher.on<net::CompareMembers>(compare);
  auto ask = [this](net::Context context, net::ProbeRequest request) {
    return probe(std::move(context), std::move(request));
  };
  dispatcher.on<net::Probe>(ask);
}

Heartbeats::~Heartbeats() { CHECK(stopped_ && timer_ == kNoTimer); }

void Heartbeats::start() {
  CHECK(stopped_ && directory_.knows(options_.self));
  stopped_ = false;
  auto notice = [this](const Member& now, const MemberChange& change) { changed(now, change); };
  observer_ = directory_.observe(notice);
  choose_again_ = true;
  randoms_until_ = env_.now() + seconds(60);
  next_retry_ = env_.now() + seconds(1);
  arm(env_.now());
}

Task<void> Heartbeats::stop() {
  if (!stopped_) directory_.unobserve(observer_);
  stopped_ = true;
  env_.clock().cancel(timer_);
  timer_ = kNoTimer;
  co_await tasks_.stop();
  links_.clear();
}

void Heartbeats::set_partners(std::vector<NodeId> partners) {
  partners_ = std::set<NodeId>(partners.begin(), partners.end());
  partners_.erase(options_.self);
  choose_again_ = true;
  if (!stopped_) arm(env_.now());
}

void Heartbeats::set_versions(std::uint32_t settings, std::uint32_t key_epoch) {
  settings_version_ = settings;
  key_epoch_ = key_epoch;
}

void Heartbeats::set_topology(Topology topology) {
  if (options_.topology == topology) return;
  options_.topology = topology;
  choose_again_ = true;
}

void Heartbeats::set_interval(Duration interval) { options_.interval = interval; }

void Heartbeats::announce(const Address& address) {
  auto self = directory_.find(options_.self);
  if (!self || self->address == address) return;
  self->address = address;
  ++self->incarnation;
  auto merged = directory_.merge(*self);
  if (!merged.ok()) env_.log().error("members", "cannot announce an address", Field("error", merged.error()));
}

void Heartbeats::connection_down(const NodeId& id) {
  auto found = links_.find(id);
  if (found == links_.end() || stopped_) return;
  Link& link = *found->second;
  link.watch.broken();
  link.gossip.rewind();
  // At once by another connection; the watch asks others meanwhile.
  if (link.watched || link.random) link.next_beat = env_.now();
  arm(env_.now());
  if (on_doubt_) on_doubt_(id);
}

Heartbeats::Link& Heartbeats::link_to(const NodeId& id) {
  auto& link = links_[id];
  if (!link) link = std::make_unique<Link>(id, env_.now());
  return *link;
}

Duration Heartbeats::period_of(const Link& link) const {
  if (link.partner) return std::min(options_.interval, options_.lease / 3);
  return link.watched ? options_.interval : kRandomPeriods * options_.interval;
}

void Heartbeats::arm(Instant at) {
  // What is due already is no lateness of this process.
  at = std::max(at, env_.now());
  if (stopped_ || (timer_ != kNoTimer && timer_at_ <= at)) return;
  env_.clock().cancel(timer_);
  timer_at_ = at;
  auto due = [this] {
    timer_ = kNoTimer;
    tick();
  };
  timer_ = env_.clock().call_at(at, UniqueFunction<void()>(due));
}

void Heartbeats::tick() {
  Instant now = env_.now();
  if (now - timer_at_ > options_.interval / kLateShare) {
    late_.add();
    for (auto& [id, link] : links_) link->watch.late(now, now - timer_at_, times_of(*link));
  }
  if (refute_) refute();
  if (choose_again_ || (options_.topology == Topology::ring && now >= randoms_until_)) choose_links(now);
  bool hurry = std::exchange(hurry_, false);
  Instant next = now + options_.interval / 4;
  for (auto& [id, link] : links_) {
    if (!link->watched && !link->random) continue;
    if (link->watched) look_at(*link, now);
    if (hurry && now >= link->last_beat + options_.interval / kHurryShare && link->gossip.behind(directory_))
      link->next_beat = now;
    Instant due = due_at(*link);
    if (due <= now) {
      beat(*link, now);
      due = due_at(*link);
    }
    next = std::min(next, due);
  }
  retry_dead(now);
  arm(std::max(next, now + std::min(options_.interval, options_.lease / 3) / 12));
}

// One of the two calls, and the other one answers; if the one who should does not, the other does. Partners need
// acknowledgements in both directions.
Instant Heartbeats::due_at(const Link& link) const {
  if (link.partner || calls_first(link.id)) return link.next_beat;
  return std::max(link.next_beat, link.last_exchange + period_of(link) * 3 / 2);
}

void Heartbeats::beat(Link& link, Instant now) {
  Duration period = period_of(link);
  link.next_beat += period;
  if (link.next_beat <= now) link.next_beat = now + period;
  link.last_beat = now;
  net::Channel* channel = peers_.connected(link.id, net::Purpose::control);
  if (channel) {
    send(link, *channel);
  } else {
    connect(link);
  }
}

void Heartbeats::connect(Link& link) {
  if (link.connecting || env_.now() < link.connect_after) return;
  link.connecting = true;
  tasks_.spawn(connect_and_beat(link.id));
}

Task<void> Heartbeats::connect_and_beat(NodeId id) {
  auto member = directory_.find(id);
  net::Target target(id, member ? member->address : Address());
  Instant deadline = env_.now() + kConnectWithin;
  auto channel = co_await peers_.channel(std::move(target), net::Purpose::control, deadline);
  auto found = links_.find(id);
  if (found == links_.end()) co_return;
  Link& link = *found->second;
  link.connecting = false;
  if (channel.ok()) {
    if (!stopped_) send(link, **channel);
    co_return;
  }
  link.watch.broken();
  link.gossip.rewind();
  link.connect_after = env_.now() + options_.interval;
  // We have our own measure of when to try again.
  peers_.renew(id, net::Purpose::control, Error(Code::closed, "tried again"));
}

void Heartbeats::send(Link& link, net::Channel& channel) {
  auto free = std::find_if(link.beats.begin(), link.beats.end(), [](const auto& it) { return !it->attached(); });
  if (free == link.beats.end()) {
    if (link.beats.size() >= Link::kBeatsMax) return;  // the silence speaks for itself
    link.beats.push_back(std::make_unique<Beat>(*this, link));
    free = std::prev(link.beats.end());
  }
  Beat& beat = **free;
  beat.sent = env_.now();
  beat.boot_epoch = channel.peer().boot_epoch;
  net::HeartbeatRequest request;
  request.pulse = pulse_for(link);
  Status sent = channel.start<net::Heartbeat>(beat, request, 10 * options_.interval);
  if (sent.ok()) {
    beats_.add();
  } else {
    link.gossip.rewind();
  }
}

// Inside the channel.
void Heartbeats::answered(Beat& beat, Result<net::Reply<net::Heartbeat>> result) {
  Link& link = beat.link();
  if (stopped_) return;
  if (!result.ok()) {
    link.gossip.rewind();
    return;
  }
  Instant now = env_.now();
  net::HeartbeatResponse& response = result->response;
  if (!hear(link, beat.boot_epoch, now)) return;
  Duration took = now - beat.sent;
  round_trip_ += (took - round_trip_) / 16;
  if (passengers_ && !response.moved_on.empty()) {
    std::vector<GroupTerm> groups;
    for (const net::GroupMovedOn& it : response.moved_on) {
      GroupTerm& group = groups.emplace_back();
      group.group = it.group;
      group.group_epoch = it.group_epoch;
      group.term = it.term;
    }
    passengers_->hear_moved_on(link.id, groups);
  }
  // Groups that were not named lead on as if nobody had moved on. Those that were named step down, and the next
  // acknowledgement names others.
  const bool all_named = response.moved_on.size() < kMovedOnMax;
  if (all_named) ledger_.acknowledge(link.id, beat.boot_epoch, beat.sent);
  take_pulse(link, response.pulse);
}

Result<net::HeartbeatResponse> Heartbeats::serve(net::Context& context, net::HeartbeatRequest& request) {
  const NodeId id = context.peer->id;
  if (stopped_) return Error(Code::busy, "not in service");
  if (id.is_zero() || id == options_.self) return Error(Code::invalid_argument, "a heartbeat of nobody else");
  if (directory_.knows(id) && !belongs(directory_.standing(id)))
    return Error(Code::permission_denied, "not a member any more");
  if (!links_.contains(id) && links_.size() >= kHeartbeatLinksMax) return Error(Code::busy, "too many heartbeats");
  net::HeartbeatResponse response;
  if (passengers_)
    for (const GroupTerm& it : passengers_->moved_on_from(id)) {
      if (response.moved_on.size() >= kMovedOnMax) break;
      net::GroupMovedOn& said = response.moved_on.emplace_back();
      said.group = it.group;
      said.group_epoch = it.group_epoch;
      said.term = it.term;
    }
  Instant now = env_.now();
  Link& link = link_to(id);
  if (!hear(link, context.peer->boot_epoch, now)) return Error(Code::stale, "a heartbeat of an older life");
  take_pulse(link, request.pulse);
  response.pulse = pulse_for(link);
  ledger_.promise(id, now + options_.lease);
  return response;
}

bool Heartbeats::hear(Link& link, std::uint64_t boot_epoch, Instant now) {
  std::uint64_t before = ledger_.boot_epoch(link.id);
  if (!ledger_.hear(link.id, boot_epoch, now)) return false;
  link.watch.heard(now);
  link.last_exchange = now;
  reached_somebody(now);
  if (before != 0 && boot_epoch != before) {
    link.gossip.forget();
    if (on_doubt_) on_doubt_(link.id);
  }
  return true;
}

net::Pulse Heartbeats::pulse_for(Link& link) {
  net::Pulse pulse;
  bool more = link.gossip.tell(directory_, options_.self, pulse);
  // The other ones ask for the rest themselves.
  if (more && (link.watched || link.random)) {
    link.next_beat = std::min(link.next_beat, env_.now() + options_.interval / kHurryShare);
    arm(link.next_beat);
  }
  // It must hear what is said of it, however long ago that was.
  if (link.said != Health::alive && link.said_of != directory_.life(link.id)) link.said = Health::alive;
  Health known = directory_.silent(link.id) ? Health::alive : directory_.health(link.id);
  Health worst = std::max(known, link.said);
  if (worst != Health::alive)
    if (auto peer = directory_.find(link.id)) {
      peer->health = worst;
      pulse.news.push_back(std::move(*peer));
    }
  pulse.digest = directory_.digest();
  pulse.settings = settings_version_;
  pulse.key_epoch = key_epoch_;
  return pulse;
}

// Whom this node has just heard is not dead because somebody says so who was cut off from it.
bool Heartbeats::knows_better(const Member& said) {
  if (said.health == Health::alive || directory_.health(said.id) != Health::alive) return false;
  auto found = links_.find(said.id);
  if (found == links_.end() || life_of(said) != directory_.life(said.id)) return false;
  Link& link = *found->second;
  bool hears = link.watched && link.watch.state() == Watch::State::well &&
               env_.now() < link.watch.heard_at() + period_of(link) * 3 / 2;
  if (!hears) return false;
  link.said = std::max(link.said, said.health);
  link.said_of = life_of(said);
  return true;
}

// Takes from the news what this node knows better; what they say besides stays.
void Heartbeats::believe_ourselves(std::vector<Member>& news) {
  for (Member& member : news)
    if (knows_better(member)) member.health = Health::alive;
}

// News that are refused (a limit is reached here) are no reason to do without the sign of life.
void Heartbeats::take_pulse(Link& link, net::Pulse& pulse) {
  believe_ourselves(pulse.news);
  Status taken = link.gossip.hear(directory_, pulse);
  if (!taken.ok())
    env_.log().warn("members", "news that make no sense", Field("from", link.id), Field("error", taken.error()));
  if (refute_) refute();
  notice_difference(link, pulse, env_.now());
  bool behind = pulse.settings > settings_version_ || pulse.key_epoch > key_epoch_;
  if (behind && on_behind_) on_behind_(link.id);
}

// Forgets those with whom nothing was exchanged for long.
void Heartbeats::tidy(Instant now) {
  auto idle = [&](const auto& item) {
    const Link& link = *item.second;
    auto attached = [](const auto& beat) { return beat->attached(); };
    return !link.watched && !link.random && !link.connecting && now > link.last_exchange + kForgetLink &&
           std::none_of(link.beats.begin(), link.beats.end(), attached);
  };
  std::erase_if(links_, idle);
  ledger_.forget_silent(now - kForgetLedger, now);
}

std::size_t Heartbeats::memory() const {
  std::size_t bytes = sizeof *this;
  for (const auto& [id, link] : links_) bytes += sizeof(Link) + link->beats.size() * sizeof(Beat) + 64;
  return bytes + ledger_.size() * 96;
}

}  // namespace vortex::dht
