// `vortex nodes`: who is there, as a table or as JSON. What it shows is given to it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/id.h"
#include "net/messages/views.h"

namespace vortex {

struct NodeView {
  NodeId id;
  std::string address;
  std::string zone;
  std::string health;    // alive, suspect, dead
  std::string standing;  // joining, active, draining, left
  std::uint64_t capacity = 0;
  std::uint64_t used = 0;
  std::uint64_t leads = 0;  // partitions
  std::uint64_t uptime_s = 0;
  std::string version;
};

// Sorted by zone and address, so that two looks can be compared; behind it a line that counts them by health. Ids are
// shortened as far as they stay distinct.
std::string nodes_text(std::vector<NodeView> nodes);
// The list `nodes`, in the same order.
nlohmann::json nodes_json(std::vector<NodeView> nodes);

// The fewest leading digits (at least 8) by which these ids can be told apart.
std::size_t distinct_digits(const std::vector<NodeId>& ids);

// The one member whose id begins like this, or that has this address.
Result<net::Member> member_named(const net::ListMembersResponse& members, const std::string& name);

}  // namespace vortex
