#include "tests/unit/dht/raft_cluster.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace vortex::dht::raft::test {

std::uint64_t SeededRandom::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void SeededRandom::fill(MutableBytes out) {
  for (auto& byte : out) byte = static_cast<std::uint8_t>(next());
}

namespace {
constexpr Duration kTick = milliseconds(20);
// As close together as may be, so that a lease that is trusted too long is seen.
constexpr Duration kElection = milliseconds(700);
constexpr Duration kLease = milliseconds(690);

NodeId node_id(int index) { return sha256(as_bytes("node " + std::to_string(index))); }
}  // namespace

struct Cluster::Node final : Heartbeats {
  int index = 0;
  std::uint64_t generation = 1;
  double rate = 1.0;
  Duration offset{};
  const Instant* world = nullptr;

  // The disk.
  HardState hard_state;
  Index base = 0;
  Term base_term = 0;
  Configuration base_configuration;
  std::vector<Entry> entries;
  std::uint64_t own_boot_epoch = 0;

  // The process.
  std::uint64_t life = 0;
  std::unique_ptr<Raft> raft;
  struct Write {
    Ready ready;
    std::vector<Entry> entries;
  };
  std::deque<Write> writes;
  Instant durable_at{};
  Instant next_tick{};
  Instant next_heartbeat{};
  struct Peer {
    Instant heard{};
    Instant acknowledged{};
    Instant promised{};
    std::uint64_t boot_epoch = 0;
  };
  std::map<NodeId, Peer> peers;
  Instant paused_until{};

  Instant clock() const {
    auto ticks = static_cast<double>(world->time_since_epoch().count()) * rate;
    return Instant(Duration(static_cast<Duration::rep>(ticks))) + offset;
  }
  const Peer& peer(const NodeId& node) const {
    static const Peer none;
    auto it = peers.find(node);
    return it == peers.end() ? none : it->second;
  }
  Instant heard(const NodeId& node) const override { return peer(node).heard; }
  std::uint64_t boot_epoch(const NodeId& node) const override { return peer(node).boot_epoch; }
  Instant acknowledged(const NodeId& node) const override { return peer(node).acknowledged; }
  Instant promised_until(const NodeId& node) const override { return peer(node).promised; }
};

Cluster::Cluster(std::uint64_t seed, ClusterOptions options) : random_(seed), options_(options) {
  Configuration first;
  for (int i = 0; i < options_.voters; ++i) first.voters.push_back(Replica{node_id(i), 1});
  std::sort(first.voters.begin(), first.voters.end());
  for (int i = 0; i < options_.nodes; ++i) {
    auto node = std::make_unique<Node>();
    node->index = i;
    node->world = &now_;
    // Any two rates differ by 1.25 at the most.
    node->rate = 0.9 + 0.225 * random_.unit();
    node->offset = milliseconds(random_.below(1'000'000));
    node->base_configuration = first;
    nodes_.push_back(std::move(node));
  }
  for (int i = 0; i < options_.nodes; ++i) start(i);
}

Cluster::~Cluster() = default;

void Cluster::violation(std::string text) {
  violations.push_back("at " + std::to_string(to_ms(now_.time_since_epoch())) + " ms: " + std::move(text));
}

int Cluster::index_of(const NodeId& id) const {
  for (int i = 0; i < options_.nodes; ++i)
    if (node_id(i) == id) return i;
  return -1;
}

Raft* Cluster::raft(int node) { return nodes_[static_cast<std::size_t>(node)]->raft.get(); }

std::optional<int> Cluster::leader() const {
  std::optional<int> best;
  Term term = 0;
  for (const auto& node : nodes_)
    if (node->raft && node->raft->is_leader() && node->raft->term() > term) {
      term = node->raft->term();
      best = node->index;
    }
  return best;
}

void Cluster::start(int index) {
  Node& node = *nodes_[static_cast<std::size_t>(index)];
  if (node.raft) return;
  ++node.life;
  ++node.own_boot_epoch;
  Options options;
  options.self = replica(index);
  options.boot_epoch = node.own_boot_epoch;
  options.election_timeout = kElection;
  options.lease = kLease;
  options.election_spread = options_.election_spread;
  options.append_bytes_max = options_.append_bytes_max;
  options.in_flight_max = 4;
  if (node.own_boot_epoch > 1) options.votes_from = node.clock() + kLease;
  Restored restored;
  restored.hard_state = node.hard_state;
  restored.log = Log(node.base, node.base_term);
  for (const Entry& entry : node.entries) restored.log.append(entry);
  restored.configuration = node.base_configuration;
  restored.commit = node.base;
  node.raft = std::make_unique<Raft>(options, std::move(restored), node, random_, node.clock());
  node.next_tick = now_;
  node.next_heartbeat = now_;
}

Replica Cluster::replica(int node) const {
  return Replica{node_id(node), nodes_[static_cast<std::size_t>(node)]->generation};
}

std::uint64_t Cluster::life_of(int node) const { return nodes_[static_cast<std::size_t>(node)]->life; }
Instant Cluster::nodes_clock(int node) const { return nodes_[static_cast<std::size_t>(node)]->clock(); }
void Cluster::poke(int node) { pump(*nodes_[static_cast<std::size_t>(node)]); }

bool Cluster::lose(int index) {
  auto led = leader();
  if (!led || *led == index) return false;
  Raft& at = *raft(*led);
  // The leader of the latest term, which can decide: nobody knows better who belongs to the group.
  if (!at.may_read(nodes_clock(*led), nodes_clock(*led)) || at.configuration() != at.committed_configuration() ||
      at.configuration().joint())
    return false;
  for (const Replica& voter : at.configuration().voters)
    if (voter != replica(index_of(voter.node))) return false;
  crash(index);
  Node& node = *nodes_[static_cast<std::size_t>(index)];
  ++node.generation;
  node.hard_state = HardState();
  node.base = 0;
  node.base_term = 0;
  node.base_configuration = Configuration();
  node.entries.clear();
  start(index);
  return true;
}

void Cluster::crash(int index) {
  Node& node = *nodes_[static_cast<std::size_t>(index)];
  if (!node.raft) return;
  ++node.life;
  node.raft.reset();
  node.writes.clear();  // what was not durable is forgotten
  node.peers.clear();
}

void Cluster::send(int from, int to, Event event) {
  if (to < 0 || cut_.contains({from, to}) || random_.chance(options_.loss)) return;
  if (event.kind == Event::message && mute_.contains({from, to})) return;
  int copies = random_.chance(options_.duplicate) ? 2 : 1;
  event.node = to;
  event.from = from;
  event.life = 0;
  for (int i = 0; i < copies; ++i) {
    Duration delay(random_.below(static_cast<std::uint64_t>(options_.delay_max.count())));
    if (random_.chance(0.02)) delay *= 30;
    bool vote = event.kind == Event::message && event.body.kind == MessageKind::vote;
    if (vote && voters_die_ && random_.chance(0.5)) delay += milliseconds(random_.below(1300));
    if (transfers_late_ && event.kind == Event::message && event.body.kind == MessageKind::timeout_now)
      delay += milliseconds(800 + random_.below(300));
    if (vote && votes_late_ > Duration(0))
      delay += random_.chance(0.5) ? votes_late_
                                   : Duration(random_.below(static_cast<std::uint64_t>(votes_late_.count() / 4)));
    events_.emplace(std::make_pair(now_ + delay, sequence_++), event);
  }
}

void Cluster::run(Duration time) {
  Instant end = now_ + time;
  while (now_ < end) {
    Instant next = end;
    if (!events_.empty()) next = std::min(next, events_.begin()->first.first);
    for (auto& node : nodes_)
      if (node->raft)
        next = std::min(next, std::max(node->paused_until, std::min(node->next_tick, node->next_heartbeat)));
    now_ = std::max(now_, next);
    while (!events_.empty() && events_.begin()->first.first <= now_) {
      Event event = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      // What comes for a paused node waits, in its order, and so does its own ticking.
      Instant paused = nodes_[static_cast<std::size_t>(event.node)]->paused_until;
      if (paused > now_) {
        events_.emplace(std::make_pair(paused, sequence_++), std::move(event));
        continue;
      }
      deliver(event);
      check_reads();
    }
    for (auto& node : nodes_)
      if (node->raft && node->paused_until <= now_) tick(*node);
    check_reads();
  }
}

void Cluster::tick(Node& node) {
  if (node.next_heartbeat <= now_) {
    node.next_heartbeat = now_ + options_.heartbeat;
    for (int to = 0; to < options_.nodes; ++to) {
      if (to == node.index) continue;
      Event event{};
      event.kind = Event::heartbeat;
      event.stamp = node.clock();
      event.boot_epoch = node.own_boot_epoch;
      send(node.index, to, event);
    }
  }
  if (node.next_tick > now_) return;
  node.next_tick = now_ + kTick;
  node.raft->tick(node.clock());
  pump(node);
}

void Cluster::deliver(Event& event) {
  Node& node = *nodes_[static_cast<std::size_t>(event.node)];
  if (!node.raft || (event.life != 0 && event.life != node.life)) return;
  switch (event.kind) {
    case Event::message:
      node.raft->step(event.body, node.clock());
      break;
    case Event::heartbeat: {
      Node::Peer& peer = node.peers[node_id(event.from)];
      if (event.boot_epoch < peer.boot_epoch) return;
      peer.boot_epoch = event.boot_epoch;
      peer.heard = node.clock();
      peer.promised = std::max(peer.promised, node.clock() + kLease);
      Event ack{};
      ack.kind = Event::heartbeat_ack;
      ack.stamp = event.stamp;
      ack.boot_epoch = node.own_boot_epoch;
      ack.term = node.raft->moved_on_from(node_id(event.from)).value_or(0);
      send(event.node, event.from, ack);
      return;
    }
    case Event::heartbeat_ack: {
      Node::Peer& peer = node.peers[node_id(event.from)];
      if (event.boot_epoch < peer.boot_epoch) return;
      if (event.boot_epoch > peer.boot_epoch) peer.acknowledged = Instant();
      peer.boot_epoch = event.boot_epoch;
      // Where it has moved on is said before the acknowledgement counts.
      if (event.term != 0) node.raft->hear_moved_on(node_id(event.from), event.term, node.clock());
      // An acknowledgement of a heartbeat of our own earlier life tells nothing about this one.
      peer.acknowledged = std::max(peer.acknowledged, event.stamp);
      break;
    }
    case Event::snapshot:
      snapshot(node, event.body.to);
      break;
    case Event::durable: {
      CHECK(!node.writes.empty());
      Node::Write write = std::move(node.writes.front());
      node.writes.pop_front();
      if (write.ready.hard_state) node.hard_state = *write.ready.hard_state;
      auto keep = [&](Index last) {
        while (!node.entries.empty() && node.entries.back().index > last) node.entries.pop_back();
      };
      if (write.ready.truncate_from != 0) keep(write.ready.truncate_from - 1);
      for (Entry& entry : write.entries)
        if (entry.index > node.base) node.entries.push_back(std::move(entry));
      node.raft->durable(write.ready.ticket);
      bool voted = false;
      for (Message& message : write.ready.send_when_durable) {
        Event out{};
        out.kind = Event::message;
        out.body = message;
        voted = voted || (message.kind == MessageKind::vote_reply && !message.refused);
        send(node.index, index_of(message.to.node), out);
      }
      if (voted && dies_of_voting(node.index)) return die_and_return(node.index);
      break;
    }
  }
  pump(node);
}

void Cluster::pump(Node& node) {
  while (node.raft->has_ready()) {
    Ready ready = node.raft->take_ready();
    bool voted = false;
    for (Message& message : ready.send_now) {
      voted = voted || (message.kind == MessageKind::vote_reply && !message.refused);
      Event out{};
      out.kind = Event::message;
      out.body = std::move(message);
      int to = index_of(out.body.to.node);
      send(node.index, to, out);
    }
    for (const Replica& to : ready.snapshots_wanted) {
      Event transfer{};
      transfer.kind = Event::snapshot;
      transfer.node = node.index;
      transfer.life = node.life;
      transfer.body.to = to;
      events_.emplace(std::make_pair(now_ + milliseconds(50), sequence_++), transfer);
    }
    if (voted && dies_of_voting(node.index)) return die_and_return(node.index);
    Node::Write write;
    for (Index index = ready.first; index != 0 && index <= ready.last; ++index)
      write.entries.push_back(node.raft->log().at(index));
    write.ready = std::move(ready);
    Event durable{};
    durable.kind = Event::durable;
    durable.node = node.index;
    durable.life = node.life;
    durable.ticket = write.ready.ticket;
    Duration delay(random_.below(static_cast<std::uint64_t>(options_.sync_max.count())));
    // Writes become durable in their order.
    Instant at = node.durable_at = std::max(node.durable_at, now_ + delay);
    events_.emplace(std::make_pair(at, sequence_++), durable);
    node.writes.push_back(std::move(write));
  }
  check_leader(node);
  apply(node);
}

bool Cluster::dies_of_voting(int node) { return node == forgetful_ || (voters_die_ && random_.chance(0.5)); }

// Its clock goes on from where it is.
void Cluster::set_rate(int index, double rate) {
  Node& node = *nodes_[static_cast<std::size_t>(index)];
  Instant before = node.clock();
  node.rate = rate;
  node.offset += before - node.clock();
}

void Cluster::die_and_return(int node) {
  crash(node);
  start(node);
}

void Cluster::check_leader(Node& node) {
  if (!node.raft->is_leader()) return;
  auto [it, fresh] = leaders_.emplace(node.raft->term(), node.raft->options().self);
  if (!fresh && it->second != node.raft->options().self)
    violation("two leaders in term " + std::to_string(node.raft->term()));
  // A leader of an earlier term, elected late, may lack what a later one has acknowledged meanwhile.
  if (fresh && node.raft->term() > acknowledged_term_ && node.raft->log().last_index() < acknowledged_)
    violation("a leader lacks acknowledged entries");
  if (node.raft->commit() <= acknowledged_) return;
  acknowledged_ = node.raft->commit();
  acknowledged_term_ = node.raft->term();
}

void Cluster::apply(Node& node) {
  Raft& raft = *node.raft;
  for (Index index = raft.applied_index() + 1; index <= raft.commit(); ++index) {
    const Entry& entry = raft.log().at(index);
    auto [it, fresh] = decided_.emplace(index, std::make_pair(entry.term, entry.data));
    if (!fresh && it->second != std::make_pair(entry.term, entry.data))
      violation("two contents for index " + std::to_string(index));
  }
  raft.applied(raft.commit());
  // Now and then the state is checkpointed and the log cut.
  Index durable_end = node.entries.empty() ? node.base : node.entries.back().index;
  Index upto = std::min(raft.applied_index(), durable_end);
  if (upto <= node.base + 5 || !random_.chance(0.1) || !raft.log().term_at(upto) || !node.writes.empty()) return;
  const Configuration configuration = raft.committed_configuration();
  if (raft.configuration() != configuration) return;
  node.base_term = *raft.log().term_at(upto);
  node.base = upto;
  node.base_configuration = configuration;
  std::erase_if(node.entries, [upto](const Entry& entry) { return entry.index <= upto; });
  raft.compact_to(upto);
}

// The whole state arrives at once, or not at all; it must be durable before it counts.
void Cluster::snapshot(Node& leader, const Replica& to) {
  int index = index_of(to.node);
  Node* target = index < 0 ? nullptr : nodes_[static_cast<std::size_t>(index)].get();
  bool arrives = target && target->raft && to == replica(index) && target->writes.empty() &&
                 !cut_.contains({leader.index, index}) && random_.chance(0.7) &&
                 target->raft->term() <= leader.raft->term() && target->raft->commit() < leader.base;
  // The term must be on disk before a snapshot of it is.
  if (arrives && target->hard_state.term < leader.raft->term()) {
    target->raft->seen_term(leader.raft->term(), target->clock());
    pump(*target);
    arrives = false;
  }
  if (!arrives) return leader.raft->snapshot_failed(to);
  bool keeps_log = target->raft->log().has(leader.base) && target->raft->log().term_at(leader.base) == leader.base_term;
  target->raft->restored_snapshot(leader.base, leader.base_term, leader.base_configuration, leader.raft->options().self,
                                  leader.raft->term(), target->clock());
  target->base = leader.base;
  target->base_term = leader.base_term;
  target->base_configuration = leader.base_configuration;
  Index base = leader.base;
  if (keeps_log) {
    std::erase_if(target->entries, [base](const Entry& entry) { return entry.index <= base; });
  } else {
    target->entries.clear();
  }
  leader.raft->snapshot_sent(to, leader.base);
}

Status Cluster::propose(int index, std::uint64_t value) {
  Node& node = *nodes_[static_cast<std::size_t>(index)];
  ByteVector data;
  Encoder encoder(data);
  encoder(value);
  Result<Index> proposed = node.raft->propose(std::move(data));
  pump(node);
  if (!proposed.ok()) return proposed.error();
  return Status();
}

// A read that is served at once must see everything that was acknowledged before it began.
void Cluster::check_reads() {
  for (auto& node : nodes_) {
    if (!node->raft || !node->raft->may_read(node->clock(), node->clock())) continue;
    ++reads_served_;
    if (node->raft->commit() < acknowledged_)
      violation("a read at " + std::to_string(node->raft->commit()) + " misses " + std::to_string(acknowledged_));
  }
}

void Cluster::random_request() {
  int index = static_cast<int>(random_.below(static_cast<std::uint64_t>(options_.nodes)));
  if (auto current = leader(); current && random_.chance(0.8)) index = *current;
  Node& node = *nodes_[static_cast<std::size_t>(index)];
  if (!node.raft) return;
  double dice = random_.unit();
  if (dice < 0.5) {
    (void)propose(index, next_value_++).ok();
  } else if (dice < 0.7) {
    Configuration target;
    std::size_t voters = random_.chance(0.8) ? 3 : 1;
    for (int i : {0, 1, 2, 3, 4, 5, 6}) {
      if (i >= options_.nodes || !random_.chance(0.7)) continue;
      (target.voters.size() < voters ? target.voters : target.learners).push_back(replica(i));
    }
    std::sort(target.voters.begin(), target.voters.end());
    std::sort(target.learners.begin(), target.learners.end());
    if (target.voters.size() == voters) (void)node.raft->propose_configuration(target).ok();
    pump(node);
  } else if (node.raft->is_leader()) {
    const auto& voters = node.raft->configuration().voters;
    (void)node.raft->transfer_to(voters[random_.below(voters.size())], node.clock()).ok();
    pump(node);
  }
}

void Cluster::random_fault() {
  auto pick = [this] { return static_cast<int>(random_.below(static_cast<std::uint64_t>(options_.nodes))); };
  double dice = random_.unit();
  if (dice < 0.3) {
    int node = random_.chance(0.5) && leader() ? *leader() : pick();
    crash(node);
  } else if (dice < 0.45) {
    int node = random_.chance(0.5) && leader() ? *leader() : pick();
    crash(node);
    start(node);
  } else if (dice < 0.55) {
    int node = random_.chance(0.5) && leader() ? *leader() : pick();
    nodes_[static_cast<std::size_t>(node)]->paused_until = now_ + milliseconds(random_.below(2000));
  } else if (dice < 0.7) {
    start(pick());
  } else if (dice < 0.85) {
    int node = random_.chance(0.5) && leader() ? *leader() : pick();
    for (int other = 0; other < options_.nodes; ++other) {
      if (random_.chance(0.8)) cut(node, other);
      if (random_.chance(0.8)) cut(other, node);
    }
  } else {
    heal_links();
  }
}

void Cluster::heal() {
  heal_links();
  voters_die_ = false;
  votes_late_ = Duration(0);
  forgetful_ = -1;
  options_.loss = 0;
  options_.delay_max = std::min<Duration>(options_.delay_max, milliseconds(50));
  options_.sync_max = std::min<Duration>(options_.sync_max, milliseconds(50));
  for (int i = 0; i < options_.nodes; ++i) start(i);
}

}  // namespace vortex::dht::raft::test
