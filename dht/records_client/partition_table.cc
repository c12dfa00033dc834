#include "dht/records_client/partition_table.h"

#include <algorithm>
#include <tuple>

namespace vortex::dht {

bool PartitionTable::set_partitions(std::uint32_t partitions) {
  if (partitions == 0 || !valid_partition_count(partitions)) return false;
  if (partitions_ == 0) partitions_ = partitions;
  return partitions_ == partitions;
}

bool PartitionTable::learn(const net::PartitionPlace& place) {
  if (place.partition >= partitions_ || place.members.empty() || place.members.size() > kMembersMax) return false;
  auto [at, added] = places_.try_emplace(place.partition);
  net::PartitionPlace& known = at->second.place;
  if (added) {
    known = place;
    return true;
  }
  auto age = [](const net::PartitionPlace& p) { return std::tuple(p.group_epoch, p.term, p.commit); };
  if (age(place) < age(known)) return false;
  const bool same_term = known.group_epoch == place.group_epoch && known.term == place.term;
  const std::optional<NodeId> before = known.leader;
  auto same = [](const net::PartitionMember& a, const net::PartitionMember& b) {
    return a.id == b.id && a.voter == b.voter;
  };
  const bool same_members = std::ranges::equal(known.members, place.members, same);
  known = place;
  if (same_term) {
    // A term has one leader: whoever does not know it yet knows the members all the same.
    if (!known.leader) known.leader = before;
    if (known.leader && known.leader == at->second.doubted) known.leader.reset();
  } else {
    at->second.doubted.reset();
  }
  return !same_term || !same_members || known.leader != before;
}

const net::PartitionPlace* PartitionTable::find(PartitionNumber partition) const {
  auto at = places_.find(partition);
  return at == places_.end() ? nullptr : &at->second.place;
}

std::vector<net::PartitionPlace> PartitionTable::all() const {
  std::vector<net::PartitionPlace> all;
  for (const auto& [partition, known] : places_) all.push_back(known.place);
  return all;
}

void PartitionTable::doubt(PartitionNumber partition, const NodeId& member) {
  auto at = places_.find(partition);
  if (at == places_.end()) return;
  at->second.doubted = member;
  if (at->second.place.leader == member) at->second.place.leader.reset();
}

void PartitionTable::confirm(PartitionNumber partition, const NodeId& leader) {
  auto at = places_.find(partition);
  if (at == places_.end()) return;
  if (at->second.doubted == leader) at->second.doubted.reset();
  at->second.place.leader = leader;
}

std::vector<net::Target> PartitionTable::targets(PartitionNumber partition, const AddressOf& address_of) const {
  std::vector<net::Target> targets;
  auto at = places_.find(partition);
  if (at == places_.end()) return targets;
  const Known& known = at->second;
  auto rank = [&known](const net::PartitionMember& member) {
    if (known.place.leader == member.id) return 0;
    if (known.doubted == member.id) return 3;
    return member.voter ? 1 : 2;
  };
  for (int wanted = 0; wanted <= 3; ++wanted)
    for (const net::PartitionMember& member : known.place.members) {
      if (rank(member) != wanted) continue;
      Address address = member.address;
      if (address_of)
        if (auto better = address_of(member.id)) address = *better;
      targets.emplace_back(member.id, std::move(address));
    }
  return targets;
}

}  // namespace vortex::dht
