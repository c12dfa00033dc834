// Who belongs to a group, and what counts as a majority of it.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "dht/raft/types.h"

namespace vortex::dht::raft {

// While `outgoing` is not empty the change is joint: every decision needs a majority of the voters and a majority of
// the outgoing ones. The lists are sorted and free of doubles; a learner is no voter.
struct Configuration {
  std::vector<Replica> voters;
  std::vector<Replica> outgoing;
  std::vector<Replica> learners;
  std::vector<Replica> demoted;  // outgoing voters that will be learners when the change is done

  bool operator==(const Configuration&) const = default;
  bool joint() const { return !outgoing.empty(); }
  bool is_voter(const Replica& replica) const;  // also an outgoing one
  bool is_learner(const Replica& replica) const;
  bool contains(const Replica& replica) const { return is_voter(replica) || is_learner(replica); }
  // Everyone once, sorted.
  std::vector<Replica> members() const;

  // Sorted and without doubles or contradictions; called on whatever comes from outside.
  Status validate() const;

  // The joint configuration on the way from this one to `target`.
  Configuration towards(const Configuration& target) const;
  // The configuration at the end of the joint one.
  Configuration settled() const;

  // Do those for whom `agrees` holds make a majority (of both halves)?
  bool majority(const std::function<bool(const Replica&)>& agrees) const;
  // The greatest value that a majority (of both halves) has reached.
  template <class Value, class Of>
  Value reached(Value none, const Of& of) const;

  VORTEX_FIELDS(voters, outgoing, learners, demoted)

 private:
  template <class Value, class Of>
  static Value reached_by(const std::vector<Replica>& half, Value none, const Of& of);
};

template <class Value, class Of>
Value Configuration::reached_by(const std::vector<Replica>& half, Value none, const Of& of) {
  if (half.empty()) return none;
  std::vector<Value> values;
  values.reserve(half.size());
  for (const Replica& replica : half) values.push_back(of(replica));
  std::sort(values.begin(), values.end(), std::greater<Value>());
  return values[half.size() / 2];
}

template <class Value, class Of>
Value Configuration::reached(Value none, const Of& of) const {
  Value value = reached_by(voters, none, of);
  return joint() ? std::min(value, reached_by(outgoing, none, of)) : value;
}

}  // namespace vortex::dht::raft
