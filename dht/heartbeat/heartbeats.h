// Heartbeats: who is alive, by watching some, asking others, and gossip. One mechanism for members and for leases.
//
// Each node exchanges heartbeats with the members its topology names and with its partners, the nodes it shares Raft
// groups with. A heartbeat and its answer both carry what changed in the directory, so they are the gossip as well.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "dht/heartbeat/lease.h"
#include "dht/heartbeat/ledger.h"
#include "dht/heartbeat/passengers.h"
#include "dht/heartbeat/watch.h"
#include "dht/members/directory.h"
#include "net/dispatcher.h"
#include "net/peers.h"

namespace vortex::dht {

struct HeartbeatOptions {
  NodeId self;
  Duration interval = kHeartbeatInterval;
  Duration lease = kLease;
  Topology topology = Topology::all_to_all;

  HeartbeatOptions() {}
};

class Heartbeats {
 public:
  // Registers its messages with the dispatcher, which is not in use yet. All references outlive it. The directory holds
  // this node itself before start().
  Heartbeats(Env& env, net::Peers& peers, net::Dispatcher& dispatcher, Directory& directory, HeartbeatOptions options);
  ~Heartbeats();
  Heartbeats(const Heartbeats&) = delete;
  Heartbeats& operator=(const Heartbeats&) = delete;

  void start();
  Task<void> stop();

  // --- for the host of the Raft groups ---
  // What groups ask. The reference is good from the beginning.
  const raft::Heartbeats& for_groups() const { return ledger_; }
  // With whom this node shares groups now; replaces what was said before. They get heartbeats, and give
  // acknowledgements, in both directions and in every topology.
  void set_partners(std::vector<NodeId> partners);
  // Rides along from now on; null ends it.
  void set_passengers(Passengers* passengers) { passengers_ = passengers; }
  // This process votes for nobody before.
  Instant votes_from() const { return votes_from_; }
  // Told at once when a node's connection broke or its boot epoch is new: leases may be void.
  void on_doubt(std::function<void(const NodeId&)> observer) { on_doubt_ = std::move(observer); }

  // --- for whoever owns the connections and the settings ---
  // From Peers::on_down.
  void connection_down(const NodeId& id);
  void set_topology(Topology topology);
  void set_interval(Duration interval);
  Topology topology() const { return options_.topology; }
  // What every heartbeat says of this node, and what is called when somebody says more.
  void set_versions(std::uint32_t settings, std::uint32_t key_epoch);
  void on_behind(std::function<void(const NodeId&)> observer) { on_behind_ = std::move(observer); }
  // Says something about this node itself in a new incarnation: where it listens.
  void announce(const Address& address);

  // Compares directories with this member and takes over what it knows.
  Task<Status> compare_with(net::Target peer, Duration timeout);

  // How many members this node exchanges heartbeats with.
  std::size_t links() const { return links_.size(); }
  std::size_t memory() const;

 private:
  class Beat;
  struct Link;

  // heartbeats.cc
  void tick();
  void arm(Instant at);
  Duration period_of(const Link& link) const;
  Instant due_at(const Link& link) const;
  void tidy(Instant now);
  Link& link_to(const NodeId& id);
  void beat(Link& link, Instant now);
  void connect(Link& link);
  Task<void> connect_and_beat(NodeId id);
  void send(Link& link, net::Channel& channel);
  void answered(Beat& beat, Result<net::Reply<net::Heartbeat>> result);
  Result<net::HeartbeatResponse> serve(net::Context& context, net::HeartbeatRequest& request);
  net::Pulse pulse_for(Link& link);
  void take_pulse(Link& link, net::Pulse& pulse);
  bool hear(Link& link, std::uint64_t boot_epoch, Instant now);
  bool knows_better(const Member& said);
  void believe_ourselves(std::vector<Member>& news);

  // heartbeats_watch.cc: verdicts
  void look_at(Link& link, Instant now);
  void ask_others(Link& link);
  Task<void> ask(NodeId helper, NodeId about, std::size_t round, Duration patience);
  Task<Result<net::Reply<net::Probe>>> probe(net::Context context, net::ProbeRequest request);
  void say(const NodeId& id, Health health);
  void condemn(Link& link, Instant now);
  bool cut_off(const Link& link) const;
  void reached_somebody(Instant now);
  void refute();
  void retry_dead(Instant now);
  WatchTimes times_of(const Link& link) const;

  // heartbeats_topology.cc: with whom
  void changed(const Member& now, const MemberChange& change);
  void choose_links(Instant now);
  void choose_all(std::set<NodeId>& wanted);
  void choose_neighbours(std::set<NodeId>& wanted);
  void choose_randoms(std::set<NodeId>& wanted, Instant now);
  bool near(const NodeId& id) const;
  bool calls_first(const NodeId& id) const;

  // heartbeats_compare.cc: anti-entropy
  void notice_difference(Link& link, const net::Pulse& pulse, Instant now);
  Task<void> compare_later(NodeId id);
  void add_missing(const net::CompareMembersResponse& answer, std::size_t first, std::vector<Member>& news);
  Result<net::CompareMembersResponse> serve_comparison(net::Context& context, net::CompareMembersRequest& request);

  Env& env_;
  net::Peers& peers_;
  Directory& directory_;
  HeartbeatOptions options_;
  Ledger ledger_;
  Passengers* passengers_ = nullptr;
  Instant votes_from_;
  std::function<void(const NodeId&)> on_doubt_, on_behind_;
  std::uint32_t settings_version_ = 0, key_epoch_ = 0;

  std::map<NodeId, std::unique_ptr<Link>> links_;
  std::set<NodeId> partners_, randoms_;
  // Whom this node takes for dead while it reaches nobody; and when it last reached anybody.
  std::vector<NodeId> silent_;
  Instant reached_at_;
  // How far the farthest neighbours on the ring are, after and before us.
  std::uint64_t reach_after_ = ~std::uint64_t(0), reach_before_ = ~std::uint64_t(0);
  Instant randoms_until_;
  bool choose_again_ = true;
  bool refute_ = false;     // somebody takes us for less than alive
  bool hurry_ = false;      // there are news that should not wait for the next heartbeat
  Instant last_change_;     // of the directory
  Duration round_trip_{0};  // smoothed, over all
  std::uint64_t observer_ = 0;
  TimerId timer_ = kNoTimer;
  Instant timer_at_;
  Instant next_retry_;
  bool comparing_ = false;
  Instant next_comparison_;
  bool stopped_ = true;

  Counter &beats_, &suspicions_, &condemned_, &refutations_, &comparisons_, &late_;
  TaskGroup tasks_;
};

}  // namespace vortex::dht
