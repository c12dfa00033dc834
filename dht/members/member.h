// The words of membership. What travels is defined with the messages.
#pragma once

#include <string_view>

#include "base/time.h"
#include "net/messages/members.h"

namespace vortex::dht {

using net::Health;
using net::Member;
using net::Topology;
using Standing = net::MemberStanding;

std::string_view to_string(Health health);
std::string_view to_string(Standing standing);
std::string_view to_string(Topology topology);

// Where everybody starts from; the order in which opinions about one member supersede each other.
struct Life {
  std::uint64_t boot_epoch = 0;
  std::uint32_t incarnation = 0;
  auto operator<=>(const Life&) const = default;
};
inline Life life_of(const Member& member) { return Life{member.boot_epoch, member.incarnation}; }

// Does it belong to the cluster, so that others talk to it?
constexpr bool belongs(Standing standing) { return standing < Standing::left; }
// May new data be placed on it?
constexpr bool takes_data(Standing standing) { return standing == Standing::active; }

inline constexpr Duration kHeartbeatInterval = milliseconds(300);
inline constexpr Duration kHeartbeatMin = milliseconds(20), kHeartbeatMax = seconds(10);
// A directory holds no more; beyond it new ids are not taken in. Ids that left are kept: evicted ones for good.
inline constexpr std::size_t kMembersMax = 65'535;
inline constexpr std::size_t kZoneNameMax = 64;
inline constexpr std::size_t kZonesMax = 4096;
inline constexpr std::size_t kHostNameMax = 255;

}  // namespace vortex::dht
