// A group of Raft replicas in a hostile world of its own: messages are late, lost, doubled and out of order, nodes
// crash and forget what was not durable, links are cut one way or both, clocks run at different rates. Everything
// follows from the seed. It checks as it goes: one leader a term, one content for each index, reads that see what was
// acknowledged.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dht/raft/raft.h"

namespace vortex::dht::raft::test {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;
  void fill(MutableBytes out) override;

 private:
  std::uint64_t state_;
};

struct ClusterOptions {
  int nodes = 5;
  int voters = 3;
  double loss = 0.05;
  double duplicate = 0.05;
  Duration delay_max = milliseconds(40);
  Duration sync_max = milliseconds(10);
  Duration heartbeat = milliseconds(100);
  // A small spread makes candidates collide.
  Duration election_spread = milliseconds(700);
  std::size_t append_bytes_max = 400;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, ClusterOptions options);
  ~Cluster();

  void run(Duration time);
  // Faults, drawn from the seed; the first call of heal() ends them all.
  void random_fault();
  void heal();
  // A sequence of faults that aims at one promise, drawn from the seed, with clients at work meanwhile.
  void attack();
  // One client's step, drawn from the seed: a command, a read, a change of the group, a transfer.
  void random_request();

  std::vector<std::string> violations;
  Random& random() { return random_; }
  Instant now() const { return now_; }
  // The node that leads in the latest term and can act on it.
  std::optional<int> leader() const;
  Raft* raft(int node);
  Index acknowledged() const { return acknowledged_; }
  int reads_served() const { return reads_served_; }
  void crash(int node);
  void start(int node);
  void cut(int from, int to) { cut_.insert({from, to}); }
  void cut_off(int node);
  // Its disk is gone, and it comes back as nobody's member. Only one at a time: false when another is not replaced yet.
  bool lose(int node);
  Status propose(int node, std::uint64_t value);

 private:
  struct Node;
  struct Event {
    int node;
    std::uint64_t life;
    enum Kind { message, heartbeat, heartbeat_ack, durable, snapshot } kind;
    Message body;
    int from = 0;
    Instant stamp{};               // the heartbeat's sending time on its sender's clock
    std::uint64_t boot_epoch = 0;  // of the other side
    Term term = 0;
    std::uint64_t ticket = 0;
  };
  void deliver(Event& event);
  void send(int from, int to, Event event);
  void pump(Node& node);
  void apply(Node& node);
  void snapshot(Node& leader, const Replica& to);
  void check_leader(Node& node);
  void check_reads();
  void tick(Node& node);
  int index_of(const NodeId& id) const;
  int pick();
  // Any node but these two.
  int other_than(int a, int b);
  // Clients propose wherever somebody leads.
  void busy(Duration time);
  void heal_links();
  Replica replica(int node) const;
  Instant nodes_clock(int node) const;
  void poke(int node);
  // attacks
  void die_and_return(int node);
  bool dies_of_voting(int node);
  void restart_voters_beside(int led);
  void heal_half_of(int leader);
  void transfer_and_cut(int leader);
  void fell_leaders();
  void cut_power();
  void mute_leader(int leader);
  void vote_and_die(int leader);
  void replace_lost(int leader);
  // races
  void slow_down(int slow);
  std::vector<int> other_voters(int led);
  void promise_before_vote(int led);
  void acknowledge_after_vote(int led);
  void late_transfer(int led);
  void vote_twice(int led);
  void set_rate(int node, double rate);
  std::uint64_t life_of(int node) const;
  void violation(std::string text);

  SeededRandom random_;
  ClusterOptions options_;
  Instant now_ = Instant(seconds(1000));
  std::uint64_t sequence_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, Event> events_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::set<std::pair<int, int>> cut_;
  std::set<std::pair<int, int>> mute_;  // heartbeats pass, what groups say does not
  bool voters_die_ = false;
  int forgetful_ = -1;  // it dies the moment it has voted
  bool transfers_late_ = false;
  Duration votes_late_{};  // some requests for votes take so much longer
  std::map<Term, Replica> leaders_;
  std::map<Index, std::pair<Term, ByteVector>> decided_;
  Index acknowledged_ = 0;      // the highest commit index any leader has told a client about
  Term acknowledged_term_ = 0;  // of that leader
  int reads_served_ = 0;
  std::uint64_t next_value_ = 1;
};

}  // namespace vortex::dht::raft::test
