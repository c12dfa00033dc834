// With whom this node exchanges heartbeats: everybody, or its neighbours on the ring and a few more.
#include <algorithm>
#include <limits>

#include "dht/heartbeat/heartbeats.h"
#include "dht/heartbeat/link.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
constexpr std::size_t kNeighboursEachWay = 2;
constexpr std::size_t kRandoms = 2, kRandomsMax = 4;
constexpr Duration kRandomsStay = seconds(60);

std::uint64_t distance_after(const NodeId& from, const NodeId& to) { return to.prefix() - from.prefix(); }

// Keeps the nearest few, nearest first.
void keep_nearest(std::vector<std::pair<std::uint64_t, std::size_t>>& nearest, std::uint64_t distance,
                  std::size_t place) {
  if (nearest.size() == kNeighboursEachWay && distance >= nearest.back().first) return;
  nearest.emplace_back(distance, place);
  std::sort(nearest.begin(), nearest.end());
  if (nearest.size() > kNeighboursEachWay) nearest.pop_back();
}
}  // namespace

void Heartbeats::changed(const Member& now, const MemberChange& change) {
  if (now.id == options_.self && now.health != Health::alive) refute_ = true;
  last_change_ = env_.now();
  auto link = links_.find(now.id);
  // What was not heard of the life before means nothing for this one.
  if (change.life && link != links_.end()) {
    Watch& watch = link->second->watch;
    change.rebooted ? watch.begin(env_.now()) : watch.refuted(env_.now(), times_of(*link->second));
  }
  bool linked = link != links_.end() && (link->second->watched || link->second->random);
  bool concerns = change.added || change.health || change.decision;
  if (concerns && (linked || options_.topology == Topology::all_to_all || partners_.contains(now.id) || near(now.id)))
    choose_again_ = true;
  if (change.address && link != links_.end()) {
    link->second->connect_after = Instant();
    link->second->next_beat = std::min(link->second->next_beat, env_.now());
  }
  // Who died, who did not, and who leaves is for everybody to know soon; a new member can wait for the next heartbeat.
  if (!change.health && !change.decision) return;
  hurry_ = true;
  arm(env_.now() + options_.interval / 12);
}

// Would it be a neighbour?
bool Heartbeats::near(const NodeId& id) const {
  return distance_after(options_.self, id) <= reach_after_ || distance_after(id, options_.self) <= reach_before_;
}

bool Heartbeats::calls_first(const NodeId& id) const {
  bool swap = ((options_.self.bytes.back() ^ id.bytes.back()) & 1) != 0;
  return (options_.self < id) != swap;
}

void Heartbeats::choose_links(Instant now) {
  choose_again_ = false;
  std::set<NodeId> watched = partners_;
  std::erase_if(watched, [this](const NodeId& id) {
    return directory_.health(id) == Health::dead || !belongs(directory_.standing(id));
  });
  std::set<NodeId> randoms;
  if (options_.topology == Topology::all_to_all) {
    choose_all(watched);
  } else {
    choose_neighbours(watched);
    choose_randoms(randoms, now);
  }
  for (auto& [id, link] : links_) {
    if (link->watched && !watched.contains(id)) link->watched = false;
    link->random = false;
    link->partner = false;
  }
  auto begin = [&](Link& link) {
    link.next_beat = now + Duration(env_.random().below(static_cast<std::uint64_t>(period_of(link).count())));
  };
  for (const NodeId& id : watched) {
    Link& link = link_to(id);
    link.partner = partners_.contains(id);
    if (link.watched) continue;
    link.watched = true;
    link.watch.begin(now);
    begin(link);
  }
  for (const NodeId& id : randoms) {
    Link& link = link_to(id);
    bool known = randoms_.contains(id);
    link.random = true;
    if (!known && !link.watched) begin(link);
  }
  randoms_ = std::move(randoms);
}

void Heartbeats::choose_all(std::set<NodeId>& wanted) {
  for (std::size_t place = 0; place < directory_.size(); ++place) {
    if (directory_.health_at(place) == Health::dead || !belongs(directory_.standing_at(place))) continue;
    if (directory_.id_at(place) != options_.self) wanted.insert(directory_.id_at(place));
  }
}

void Heartbeats::choose_neighbours(std::set<NodeId>& wanted) {
  std::vector<std::pair<std::uint64_t, std::size_t>> after, before;
  for (std::size_t place = 0; place < directory_.size(); ++place) {
    const NodeId& id = directory_.id_at(place);
    if (directory_.health_at(place) == Health::dead || !belongs(directory_.standing_at(place))) continue;
    if (id == options_.self) continue;
    keep_nearest(after, distance_after(options_.self, id), place);
    keep_nearest(before, distance_after(id, options_.self), place);
  }
  auto reach = [](const auto& nearest) {
    return nearest.size() < kNeighboursEachWay ? std::numeric_limits<std::uint64_t>::max() : nearest.back().first;
  };
  reach_after_ = reach(after);
  reach_before_ = reach(before);
  for (const auto* nearest : {&after, &before})
    for (const auto& [distance, place] : *nearest) wanted.insert(directory_.id_at(place));
}

// Those that are there stay, and now and then one of them is another one.
void Heartbeats::choose_randoms(std::set<NodeId>& wanted, Instant now) {
  wanted = randoms_;
  std::erase_if(wanted, [this](const NodeId& id) {
    return directory_.health(id) == Health::dead || !belongs(directory_.standing(id));
  });
  auto drop_one = [&] {
    auto leaving = wanted.begin();
    std::advance(leaving, env_.random().below(wanted.size()));
    wanted.erase(leaving);
  };
  if (now >= randoms_until_) {
    if (!wanted.empty()) drop_one();
    randoms_until_ =
        now + kRandomsStay / 2 + Duration(env_.random().below(static_cast<std::uint64_t>(kRandomsStay.count())));
  }
  // Those with whom directories were compared are among them for a while.
  while (wanted.size() > kRandomsMax) drop_one();
  if (wanted.size() >= kRandoms) return;
  for (const Member& it : sample_alive(directory_, options_.self, kRandoms, env_.random()))
    if (wanted.size() < kRandoms) wanted.insert(it.id);
}

}  // namespace vortex::dht
