#include "dht/members/member.h"

namespace vortex::dht {

std::string_view to_string(Health health) {
  switch (health) {
    case Health::alive:
      return "alive";
    case Health::suspect:
      return "suspect";
    case Health::dead:
      return "dead";
  }
  return "unknown";
}

std::string_view to_string(Standing standing) {
  switch (standing) {
    case Standing::joining:
      return "joining";
    case Standing::active:
      return "active";
    case Standing::draining:
      return "draining";
    case Standing::left:
      return "left";
    case Standing::evicted:
      return "evicted";
  }
  return "unknown";
}

std::string_view to_string(Topology topology) { return topology == Topology::ring ? "ring" : "all-to-all"; }

}  // namespace vortex::dht
