// Attacks on single promises of Raft: each builds the situation in which a careless implementation breaks it.
#include <algorithm>

#include "tests/unit/dht/raft_cluster.h"

namespace vortex::dht::raft::test {

int Cluster::pick() { return static_cast<int>(random_.below(static_cast<std::uint64_t>(options_.nodes))); }

int Cluster::other_than(int a, int b) {
  int node = pick();
  while (node == a || node == b) node = pick();
  return node;
}

void Cluster::cut_off(int node) {
  for (int other = 0; other < options_.nodes; ++other) {
    cut(node, other);
    cut(other, node);
  }
}

void Cluster::heal_links() {
  cut_.clear();
  mute_.clear();
}

void Cluster::busy(Duration time) {
  for (Instant end = now_ + time; now_ < end;) {
    run(milliseconds(1 + random_.below(10)));
    for (int node = 0; node < options_.nodes; ++node)
      if (raft(node) && raft(node)->is_leader()) (void)propose(node, ++next_value_).ok();
  }
}

void Cluster::attack() {
  auto led = leader();
  if (!led) return busy(milliseconds(300));
  int first = *led;
  switch (random_.below(13)) {
    case 0:
      restart_voters_beside(first);
      break;
    case 1:
      heal_half_of(first);
      break;
    case 2:
      transfer_and_cut(first);
      break;
    case 3:
      fell_leaders();
      break;
    case 4:
      cut_power();
      break;
    case 5:
      mute_leader(first);
      break;
    case 6:
      vote_and_die(first);
      break;
    case 7:
      cut_off(first);
      busy(milliseconds(2500));
      break;
    case 8:
      promise_before_vote(first);
      break;
    case 9:
      acknowledge_after_vote(first);
      break;
    case 10:
      vote_twice(first);
      break;
    case 11:
      late_transfer(first);
      break;
    default:
      replace_lost(first);
  }
  heal_links();
  voters_die_ = false;
  votes_late_ = Duration(0);
  forgetful_ = -1;
  for (int node = 0; node < options_.nodes; ++node)
    if (random_.chance(0.8)) start(node);
  busy(milliseconds(random_.below(500)));
}

// One cannot hear the leader, whose lease the others have just renewed when they forget that they did and lose it too.
void Cluster::restart_voters_beside(int led) {
  int lonely = other_than(led, led);
  run(milliseconds(300));
  cut(led, lonely);
  cut(lonely, led);
  run(milliseconds(300 + random_.below(600)));
  for (int i = 0; i < 8; ++i) {
    for (int node = 0; node < options_.nodes; ++node) {
      if (node == led || node == lonely) continue;
      cut(node, led);
      cut(led, node);
      die_and_return(node);
    }
    for (int wait = 0; wait < 10; ++wait) {
      run(milliseconds(50));
      if (leader() != led) busy(milliseconds(20));
    }
    for (int node = 0; node < options_.nodes; ++node) {
      if (node == lonely) continue;
      cut_.erase({node, led});
      cut_.erase({led, node});
    }
    run(milliseconds(100 + random_.below(400)));
  }
}

// Everybody has given the leader up; then some hear it again, and some do not.
void Cluster::heal_half_of(int leader) {
  cut_off(leader);
  busy(milliseconds(600 + random_.below(400)));
  int found = other_than(leader, leader);
  cut_.erase({leader, found});
  cut_.erase({found, leader});
  busy(milliseconds(1500));
}

void Cluster::transfer_and_cut(int leader) {
  const auto& voters = raft(leader)->configuration().voters;
  (void)raft(leader)->transfer_to(voters[random_.below(voters.size())], nodes_clock(leader)).ok();
  poke(leader);
  run(milliseconds(random_.below(60)));
  if (raft(leader)) cut_off(leader);
  busy(milliseconds(1200));
}

// Whoever leads falls when it has hardly begun: entries of many terms are left about, on few logs.
void Cluster::fell_leaders() {
  for (int i = 0; i < 6; ++i) {
    for (int wait = 0; wait < 60 && !leader(); ++wait) run(milliseconds(50));
    auto led = leader();
    if (!led) return;
    for (int more = 0; more < 3; ++more) (void)propose(*led, ++next_value_).ok();
    run(milliseconds(random_.below(80)));
    crash(*led);
    if (random_.chance(0.6)) start(pick());
    run(milliseconds(random_.below(300)));
  }
}

void Cluster::cut_power() {
  busy(milliseconds(random_.below(100)));
  for (int node = 0; node < options_.nodes; ++node) crash(node);
  for (int node = 0; node < options_.nodes; ++node)
    if (random_.chance(0.8)) start(node);
  busy(milliseconds(2000));
}

// Heartbeats come through and are answered, what the leader says does not; some have forgotten meanwhile who leads.
void Cluster::mute_leader(int leader) {
  for (int node = 0; node < options_.nodes; ++node) {
    if (node == leader) continue;
    if (random_.chance(0.8)) mute_.insert({leader, node});
    if (random_.chance(0.3)) mute_.insert({node, leader});
    if (random_.chance(0.6)) die_and_return(node);
  }
  if (random_.chance(0.5)) {
    int lonely = other_than(leader, leader);
    cut(leader, lonely);
    cut(lonely, leader);
  }
  busy(milliseconds(2500));
}

// Votes are asked for late and twice, and who has voted forgets what was not on its disk.
void Cluster::vote_and_die(int leader) {
  voters_die_ = true;
  crash(leader);
  run(milliseconds(3000));
}

void Cluster::replace_lost(int leader) {
  if (random_.chance(0.5)) {
    int late = other_than(leader, leader);
    cut(leader, late);
    busy(milliseconds(200));
  }
  if (!lose(other_than(leader, leader))) return;
  busy(milliseconds(300));
  if (random_.chance(0.5)) crash(leader);
  heal_links();
  busy(milliseconds(2500));
  for (int i = 0; i < 30; ++i) {
    random_request();
    run(milliseconds(30));
  }
}

}  // namespace vortex::dht::raft::test
