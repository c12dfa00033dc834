#include "dht/groups/plan.h"

#include <algorithm>
#include <utility>

namespace vortex::dht::groups {

namespace {

using raft::Configuration;
using raft::Replica;

bool names(const std::vector<NodeId>& list, const NodeId& node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}
bool holds(const std::vector<Replica>& list, const Replica& replica) {
  return std::find(list.begin(), list.end(), replica) != list.end();
}
const Replica* member_on(const Configuration& configuration, const NodeId& node) {
  for (const auto* list : {&configuration.voters, &configuration.learners})
    for (const Replica& member : *list)
      if (member.node == node) return &member;
  return nullptr;
}

Step change_to(Configuration target) {
  std::sort(target.voters.begin(), target.voters.end());
  std::sort(target.learners.begin(), target.learners.end());
  Step step;
  step.kind = Step::Kind::change;
  step.target = std::move(target);
  return step;
}

// Learners that have lost what they had, or have no place in the group.
std::optional<Step> drop_learners(const GroupFacts& facts) {
  Configuration target = facts.configuration;
  auto useless = [&facts](const Replica& learner) {
    return holds(facts.lost, learner) || !names(facts.wanted, learner.node) ||
           facts.state(learner.node) == NodeState::gone;
  };
  if (std::erase_if(target.learners, useless) == 0) return std::nullopt;
  return change_to(std::move(target));
}

std::size_t votes_wanted(const GroupFacts& facts) {
  std::size_t places = facts.wanted.size();
  return places % 2 == 1 ? places : std::max<std::size_t>(places, 2) - 1;
}

// Who may get a vote now, nearest first.
std::vector<Replica> ready_learners(const GroupFacts& facts) {
  std::vector<Replica> ready;
  for (const NodeId& node : facts.wanted) {
    const Replica* member = member_on(facts.configuration, node);
    if (!member || !facts.configuration.is_learner(*member)) continue;
    if (facts.state(node) == NodeState::well && facts.caught_up(*member)) ready.push_back(*member);
  }
  return ready;
}

// Voters that are to lose their vote, the worst first.
std::vector<Replica> unwanted_voters(const GroupFacts& facts) {
  std::vector<Replica> lost, gone, far;
  for (const Replica& voter : facts.configuration.voters) {
    if (holds(facts.lost, voter)) {
      lost.push_back(voter);
    } else if (facts.state(voter.node) == NodeState::gone) {
      gone.push_back(voter);
    } else if (!names(facts.wanted, voter.node)) {
      far.push_back(voter);
    }
  }
  lost.insert(lost.end(), gone.begin(), gone.end());
  lost.insert(lost.end(), far.begin(), far.end());
  return lost;
}

// Somebody else to lead, so that this leader can lose its vote.
std::optional<Step> hand_over(const GroupFacts& facts) {
  for (bool only_wanted : {true, false})
    for (const Replica& voter : facts.configuration.voters) {
      if (voter == facts.self || holds(facts.lost, voter) || !facts.caught_up(voter)) continue;
      NodeState state = facts.state(voter.node);
      if (state != NodeState::well || (only_wanted && !names(facts.wanted, voter.node))) continue;
      Step step;
      step.kind = Step::Kind::transfer;
      step.node = voter.node;
      return step;
    }
  return std::nullopt;
}

std::optional<Step> move_votes(const GroupFacts& facts) {
  std::vector<Replica> ready = ready_learners(facts), unwanted = unwanted_voters(facts);
  Configuration target = facts.configuration;
  auto remove_vote = [&target](const Replica& voter) { std::erase(target.voters, voter); };
  auto give_vote = [&target](const Replica& learner) {
    std::erase(target.learners, learner);
    target.voters.push_back(learner);
  };
  std::size_t wanted = votes_wanted(facts);
  for (const Replica& voter : unwanted) {
    bool lost = holds(facts.lost, voter);
    bool spare = target.voters.size() > wanted;
    if (ready.empty() && !spare && !lost) break;
    if (voter == facts.self)
      if (auto other = hand_over(facts)) return other;
    if (target.voters.size() == 1 && ready.empty()) break;
    remove_vote(voter);
    if (ready.empty() || target.voters.size() >= wanted) continue;
    give_vote(ready.front());
    ready.erase(ready.begin());
  }
  // More votes, as long as their number comes out odd.
  std::size_t more = target.voters.size() < wanted ? std::min(wanted - target.voters.size(), ready.size()) : 0;
  if ((target.voters.size() + more) % 2 == 0 && more > 0) --more;
  for (std::size_t i = 0; i < more; ++i) give_vote(ready[i]);
  if (target == facts.configuration) return std::nullopt;
  return change_to(std::move(target));
}

// Too many votes for the places there are: the farthest becomes a learner.
std::optional<Step> take_votes(const GroupFacts& facts) {
  std::size_t wanted = votes_wanted(facts);
  Configuration target = facts.configuration;
  for (auto node = facts.wanted.rbegin(); node != facts.wanted.rend() && target.voters.size() > wanted; ++node) {
    const Replica* member = member_on(facts.configuration, *node);
    if (!member || *member == facts.self || !facts.configuration.is_voter(*member)) continue;
    std::erase(target.voters, *member);
    target.learners.push_back(*member);
  }
  if (target == facts.configuration) return std::nullopt;
  return change_to(std::move(target));
}

}  // namespace

Step next_step(const GroupFacts& facts) {
  if (facts.wanted.empty()) return Step();
  if (auto step = drop_learners(facts)) return std::move(*step);
  if (auto step = move_votes(facts)) return std::move(*step);
  for (const NodeId& node : facts.wanted) {
    if (facts.state(node) != NodeState::well || member_on(facts.configuration, node)) continue;
    Step step;
    step.kind = Step::Kind::add_learner;
    step.node = node;
    return step;
  }
  if (auto step = take_votes(facts)) return std::move(*step);
  return Step();
}

}  // namespace vortex::dht::groups
