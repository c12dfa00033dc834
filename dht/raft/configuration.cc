#include "dht/raft/configuration.h"

#include <iterator>

namespace vortex::dht::raft {

namespace {
bool has(const std::vector<Replica>& list, const Replica& replica) {
  return std::binary_search(list.begin(), list.end(), replica);
}

bool strictly_sorted(const std::vector<Replica>& list) {
  return std::adjacent_find(list.begin(), list.end(), std::greater_equal<Replica>()) == list.end();
}

std::vector<Replica> joined(const std::vector<Replica>& a, const std::vector<Replica>& b) {
  std::vector<Replica> both;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

std::vector<Replica> without(const std::vector<Replica>& a, const std::vector<Replica>& b) {
  std::vector<Replica> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

bool majority_of(const std::vector<Replica>& half, const std::function<bool(const Replica&)>& agrees) {
  auto count = static_cast<std::size_t>(std::count_if(half.begin(), half.end(), agrees));
  return count > half.size() / 2;
}
}  // namespace

bool Configuration::is_voter(const Replica& replica) const { return has(voters, replica) || has(outgoing, replica); }
bool Configuration::is_learner(const Replica& replica) const { return has(learners, replica); }

std::vector<Replica> Configuration::members() const { return joined(joined(voters, outgoing), learners); }

Status Configuration::validate() const {
  if (voters.empty()) return Error(Code::invalid_argument, "a group needs a voter");
  if (!strictly_sorted(voters) || !strictly_sorted(outgoing) || !strictly_sorted(learners) || !strictly_sorted(demoted))
    return Error(Code::invalid_argument, "members must be sorted and named once");
  for (const Replica& learner : learners)
    if (is_voter(learner)) return Error(Code::invalid_argument, "a learner cannot be a voter");
  if (!without(demoted, outgoing).empty()) return Error(Code::invalid_argument, "only a voter can be demoted");
  std::vector<Replica> everyone = members();
  for (std::size_t i = 1; i < everyone.size(); ++i)
    if (everyone[i].node == everyone[i - 1].node)
      return Error(Code::invalid_argument, "two generations of one node in one group");
  return Status();
}

Configuration Configuration::towards(const Configuration& target) const {
  Configuration next;
  next.voters = target.voters;
  next.outgoing = voters;
  next.learners = without(target.learners, voters);
  next.demoted = without(target.learners, next.learners);
  return next;
}

Configuration Configuration::settled() const {
  Configuration next = *this;
  next.learners = joined(learners, demoted);
  next.outgoing.clear();
  next.demoted.clear();
  return next;
}

bool Configuration::majority(const std::function<bool(const Replica&)>& agrees) const {
  return majority_of(voters, agrees) && (!joint() || majority_of(outgoing, agrees));
}

}  // namespace vortex::dht::raft
