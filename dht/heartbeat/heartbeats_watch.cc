// Verdicts: from silence to suspicion to death, with the help of others; and what to do about those that are dead.
#include <algorithm>

#include "base/log.h"
#include "dht/heartbeat/heartbeats.h"
#include "dht/heartbeat/link.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
constexpr std::size_t kHelpers = 3;
// A partition that heals is noticed by trying those who were taken for dead.
constexpr Duration kRetryDead = seconds(5);
constexpr Duration kProbePatienceMax = seconds(5);
}  // namespace

WatchTimes Heartbeats::times_of(const Link& link) const {
  WatchTimes times;
  times.period = std::max(period_of(link), std::min(options_.interval + round_trip_ / 2, 2 * options_.interval));
  Duration ways = std::min(round_trip_, 2 * options_.interval);
  times.probe = 2 * options_.interval + 4 * ways;
  times.confirm = 2 * options_.interval + 4 * ways;
  return times;
}

void Heartbeats::look_at(Link& link, Instant now) {
  switch (link.watch.tick(now, times_of(link))) {
    case Watch::Action::none:
      return;
    case Watch::Action::ask:
      ask_others(link);
      return;
    case Watch::Action::suspect:
      link.withheld = cut_off(link);
      if (link.withheld) return;
      suspicions_.add();
      say(link.id, Health::suspect);
      return;
    case Watch::Action::condemn:
      condemn(link, now);
      return;
  }
}

// Whoever reaches nobody at all is probably the one that is cut off: what it thinks of others is its own affair.
bool Heartbeats::cut_off(const Link& link) const {
  if (reached_at_ > link.watch.asked_at()) return false;
  return link.watch.unanswered() || (!link.watch.had_helpers() && !silent_.empty());
}

void Heartbeats::condemn(Link& link, Instant now) {
  if (cut_off(link)) {
    env_.log().info("members", "this node reaches nobody, nor this member", Field("id", link.id));
    silent_.push_back(link.id);
    directory_.set_silent(link.id, true);
  } else if (link.withheld) {
    // It must be able to refute it first.
    link.watch.begin(now);
  } else {
    condemned_.add();
    say(link.id, Health::dead);
  }
}

// Whom it took for dead meanwhile is looked at again, with the help of others.
void Heartbeats::reached_somebody(Instant now) {
  reached_at_ = now;
  for (const NodeId& id : std::exchange(silent_, {})) directory_.set_silent(id, false);
}

// The connection may be what is wrong, so this node looks for itself by a new one.
void Heartbeats::ask_others(Link& link) {
  std::vector<NodeId> helpers;
  for (const auto& [id, other] : links_) {
    bool good = id != link.id && other->watch.state() == Watch::State::well && directory_.health(id) == Health::alive;
    if (good && peers_.connected(id, net::Purpose::control)) helpers.push_back(id);
  }
  for (std::size_t i = helpers.size(); i > 1; --i) std::swap(helpers[i - 1], helpers[env_.random().below(i)]);
  if (helpers.size() > kHelpers) helpers.resize(kHelpers);
  if (helpers.size() < kHelpers)
    for (const Member& it : sample_alive(directory_, options_.self, kHelpers + 1, env_.random())) {
      bool known = it.id == link.id || std::find(helpers.begin(), helpers.end(), it.id) != helpers.end();
      if (!known && helpers.size() < kHelpers) helpers.push_back(it.id);
    }
  ++link.round;
  link.watch.asked(helpers.size(), env_.now());
  Duration patience = times_of(link).probe;
  for (const NodeId& helper : helpers) tasks_.spawn(ask(helper, link.id, link.round, patience));
  peers_.renew(link.id, net::Purpose::control, Error(Code::closed, "silent"));
  link.next_beat = env_.now();
}

Task<void> Heartbeats::ask(NodeId helper, NodeId about, std::size_t round, Duration patience) {
  auto member = directory_.find(about);
  auto asked = directory_.find(helper);
  if (!member || !asked) co_return;
  net::ProbeRequest request;
  request.id = about;
  request.address = member->address;
  request.patience_ms = static_cast<std::uint32_t>(to_ms(patience * 3 / 4));
  net::Target target(helper, asked->address);
  net::CallOptions options(patience);
  auto reply = co_await peers_.call<net::Probe>(std::move(target), std::move(request), std::move(options));
  auto found = links_.find(about);
  if (reply.ok()) reached_somebody(env_.now());
  if (!reply.ok() || found == links_.end() || found->second->round != round) co_return;
  Link& link = *found->second;
  link.watch.answered(reply->response.reached, env_.now(), times_of(link));
}

Task<Result<net::Reply<net::Probe>>> Heartbeats::probe(net::Context context, net::ProbeRequest request) {
  net::ProbeResponse response;
  if (stopped_) co_return Error(Code::busy, "not in service");
  // Asked about ourselves, or about somebody who was heard just now.
  if (request.id == options_.self || ledger_.heard(request.id) + options_.interval / 2 > env_.now()) {
    response.reached = true;
    co_return net::Reply<net::Probe>(response);
  }
  Duration patience = std::min<Duration>(milliseconds(request.patience_ms), kProbePatienceMax);
  net::Target target(request.id, request.address);
  net::CallOptions options(std::min(patience, context.deadline - env_.now()));
  auto reply = co_await peers_.call<net::Probe>(std::move(target), std::move(request), std::move(options));
  response.reached = reply.ok();
  response.refused = reply.is(Code::unreachable);
  co_return net::Reply<net::Probe>(response);
}

void Heartbeats::say(const NodeId& id, Health health) {
  auto member = directory_.find(id);
  if (!member || member->health >= health) return;
  member->health = health;
  env_.log().info("members", health == Health::dead ? "a member is dead" : "a member is suspected", Field("id", id),
                  Field("address", member->address.to_string()));
  auto merged = directory_.merge(*member);
  if (!merged.ok()) env_.log().error("members", "an opinion was refused", Field("error", merged.error()));
}

// Whoever can say this is alive.
void Heartbeats::refute() {
  refute_ = false;
  auto self = directory_.find(options_.self);
  if (!self || self->health == Health::alive) return;
  refutations_.add();
  env_.log().info("members", "this node was taken for less than alive and says otherwise");
  ++self->incarnation;
  self->health = Health::alive;
  auto merged = directory_.merge(*self);
  if (!merged.ok()) env_.log().error("members", "cannot refute", Field("error", merged.error()));
}

void Heartbeats::retry_dead(Instant now) {
  if (now < next_retry_) return;
  next_retry_ = now + kRetryDead / 2 + Duration(env_.random().below(static_cast<std::uint64_t>(kRetryDead.count())));
  tidy(now);
  if (directory_.alive() == directory_.belonging()) return;
  std::size_t size = directory_.size(), from = env_.random().below(size);
  for (std::size_t i = 0; i < size; ++i) {
    std::size_t place = (from + i) % size;
    if (directory_.health_at(place) != Health::dead || !belongs(directory_.standing_at(place))) continue;
    NodeId id = directory_.id_at(place);
    if (id == options_.self) continue;
    Link& link = link_to(id);
    link.last_exchange = std::max(link.last_exchange, now - kRetryDead);
    beat(link, now);
    return;
  }
}

}  // namespace vortex::dht
