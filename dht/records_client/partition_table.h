// What is known of where partitions are. Anybody may be wrong; a wrong guess is answered with a better one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "dht/partition/key_space.h"
#include "net/messages/records.h"
#include "net/peers.h"

namespace vortex::dht {

// Where a node is, when that is known.
using AddressOf = std::function<std::optional<Address>(const NodeId&)>;

class PartitionTable {
 public:
  // Members of one partition; of what others say, no more is believed.
  static constexpr std::size_t kMembersMax = 32;

  explicit PartitionTable(std::uint32_t partitions = 0) : partitions_(partitions) {}

  // Their number; 0 while it is not known.
  std::uint32_t partitions() const { return partitions_; }
  // The number of a cluster never changes; false when it is another one or none.
  bool set_partitions(std::uint32_t partitions);

  // True when it was news.
  bool learn(const net::PartitionPlace& place);
  const net::PartitionPlace* find(PartitionNumber partition) const;
  std::vector<net::PartitionPlace> all() const;
  // A member did not answer. It is asked last, and not believed to lead in this term because others say so.
  void doubt(PartitionNumber partition, const NodeId& member);
  // This member has just answered as the leader.
  void confirm(PartitionNumber partition, const NodeId& leader);
  // Nothing of what is known is right any more.
  void forget(PartitionNumber partition) { places_.erase(partition); }
  // Whom to ask, the most promising first: the leader, voters, learners.
  std::vector<net::Target> targets(PartitionNumber partition, const AddressOf& address_of) const;

 private:
  std::uint32_t partitions_;
  struct Known {
    net::PartitionPlace place;
    std::optional<NodeId> doubted;
  };
  std::map<PartitionNumber, Known> places_;
};

}  // namespace vortex::dht
