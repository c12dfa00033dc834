// Attacks that need a moment: they look for it, and let things happen in the one order in which a promise would break.
#include <algorithm>

#include "tests/unit/dht/raft_cluster.h"

namespace vortex::dht::raft::test {

namespace {
// Any two clocks' rates differ by 1.25 at the most.
constexpr double kSlow = 0.9, kFast = 1.125;
constexpr Duration kStep = milliseconds(2);
constexpr Duration kMomentMax = milliseconds(2500);
}  // namespace

// A leader whose clock is slow believes in itself for longest, and those whose clocks are fast give it up soonest.
void Cluster::slow_down(int slow) {
  for (int node = 0; node < options_.nodes; ++node) set_rate(node, node == slow ? kSlow : kFast);
  run(milliseconds(200));
}

std::vector<int> Cluster::other_voters(int led) {
  std::vector<int> voters;
  if (!raft(led)) return voters;
  for (const Replica& voter : raft(led)->configuration().voters) {
    int node = index_of(voter.node);
    if (node != led && raft(node)) voters.push_back(node);
  }
  for (std::size_t i = 0; i + 1 < voters.size(); ++i)
    std::swap(voters[i], voters[i + random_.below(voters.size() - i)]);
  return voters;
}

// Those who gave the leader up hear it again, and promise it something, before they are asked for their votes.
void Cluster::promise_before_vote(int led) {
  slow_down(led);
  std::vector<int> voters = other_voters(led);
  if (voters.empty()) return;
  cut_off(led);
  votes_late_ = milliseconds(50 + random_.below(250));
  auto candidate = [this, &voters] {
    return std::ranges::find_if(voters, [this](int node) { return raft(node)->role() == Role::candidate; });
  };
  auto moment = [this, &voters, &candidate] {
    auto gone = [this](int node) { return raft(node)->leader().has_value(); };
    return candidate() != voters.end() && std::ranges::none_of(voters, gone);
  };
  for (Duration waited{}; waited < kMomentMax && !moment() && raft(led)->is_leader(); waited += kStep) run(kStep);
  if (!moment()) return;
  int standing = *candidate();
  for (int node : voters) {
    if (node == standing) continue;
    cut_.erase({led, node});
    cut_.erase({node, led});
    mute_.insert({led, node});
    mute_.insert({node, led});
  }
  busy(milliseconds(1000));
}

// Another leads already, and those who elected it acknowledge the old leader's heartbeats before it knows.
void Cluster::acknowledge_after_vote(int led) {
  slow_down(led);
  cut_off(led);
  auto another = [this, led] { return leader() && *leader() != led; };
  for (Duration waited{}; waited < kMomentMax && !another() && raft(led)->is_leader(); waited += kStep) run(kStep);
  if (!another()) return;
  int next = *leader();
  for (int node = 0; node < options_.nodes; ++node) {
    if (node == led || node == next) continue;
    cut_.erase({led, node});
    cut_.erase({node, led});
    mute_.insert({led, node});
    mute_.insert({node, led});
  }
  busy(milliseconds(1000));
}

// The order to take over arrives when the leader has long believed that it came to nothing.
void Cluster::late_transfer(int led) {
  std::vector<int> voters = other_voters(led);
  if (voters.empty()) return;
  int next = voters.front();
  transfers_late_ = true;
  (void)raft(led)->transfer_to(replica(next), nodes_clock(led)).ok();
  poke(led);
  auto standing = [this, next] { return raft(next) && raft(next)->role() == Role::candidate; };
  for (Duration waited{}; waited < kMomentMax && !standing(); waited += kStep) run(kStep);
  if (raft(led)) cut_off(led);
  transfers_late_ = false;
  busy(milliseconds(1200));
}

// Two stand for the same term, and the one who can elect either is asked twice, with its memory lost in between.
void Cluster::vote_twice(int led) {
  std::vector<int> voters = other_voters(led);
  if (voters.size() != 2) return vote_and_die(led);
  int judge = voters.front();
  for (int from = 0; from < options_.nodes; ++from)
    for (int to = 0; to < options_.nodes; ++to)
      if (from != judge && to != judge) cut(from, to);
  for (int node = 0; node < options_.nodes; ++node) set_rate(node, node == judge ? kSlow : kFast);
  die_and_return(led);
  forgetful_ = judge;
  votes_late_ = milliseconds(600 + random_.below(170));
  const std::uint64_t life = life_of(judge);
  auto died = [this, judge, life] { return life_of(judge) != life; };
  for (Duration waited{}; waited < kMomentMax && !died(); waited += kStep) run(kStep);
  // It may vote again before the other has given up.
  for (int node = 0; node < options_.nodes; ++node) set_rate(node, node == judge ? kFast : kSlow);
  run(milliseconds(1500));
}

}  // namespace vortex::dht::raft::test
