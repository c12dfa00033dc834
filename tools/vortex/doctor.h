// What is wrong with the members of a cluster, and what to type about it: from what its nodes say, to sentences. Pure.
#pragma once

#include <string>
#include <vector>

#include "tools/remote/cluster_state.h"

namespace vortex {

// The members as one of them sees them.
struct MembersSeenBy {
  NodeId node;
  net::ListMembersResponse members;
};

struct Finding {
  enum class Gravity { note, warning, danger };
  Gravity gravity = Gravity::warning;
  std::string what;     // in a sentence
  std::string to_type;  // a command, or what to do; empty: nothing can or must be done
};

// The gravest first.
std::vector<Finding> diagnose(const remote::ClusterState& state, const std::vector<MembersSeenBy>& views);

}  // namespace vortex
