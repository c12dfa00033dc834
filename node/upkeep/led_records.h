// The records for which this node answers, for those whose work follows from them.
#pragma once

#include <functional>
#include <vector>

#include "base/env.h"
#include "dht/groups/host.h"
#include "dht/partition/partition.h"

namespace vortex::node {

class LedRecords {
 public:
  virtual ~LedRecords() = default;
  // Partitions led here now, in order.
  virtual std::vector<dht::PartitionNumber> led() const = 0;
  // The state of one of them; null when it is not led here (any more). Good until the next wait. What it shows may be
  // overtaken at any time: it is where to look, and conditional writes decide.
  virtual const dht::Partition* state(dht::PartitionNumber partition) const = 0;
  // All partitions of which this node has a replica, whether it leads them or not, and the newest version in each.
  using Newest = std::pair<dht::PartitionNumber, dht::Version>;
  virtual std::vector<Newest> held() const = 0;
};

class HostRecords final : public LedRecords {
 public:
  explicit HostRecords(dht::groups::Host& host) : host_(host) {}
  std::vector<dht::PartitionNumber> led() const override;
  const dht::Partition* state(dht::PartitionNumber partition) const override;
  std::vector<Newest> held() const override;

 private:
  dht::groups::Host& host_;
};

// Records between two breaths, so that nobody else on the loop waits long.
inline constexpr std::size_t kWalkSlice = 512;
inline constexpr Duration kWalkPause = milliseconds(1);

// Tells `visit` all records of the partition from this key on, in order, with pauses in between, until it returns
// false. `not_leader` when the partition is not led here, or not to the end.
using VisitRecord = std::function<bool(const dht::PackedRecord&)>;
Task<Status> walk_records(Env& env, const LedRecords& records, dht::PartitionNumber partition, dht::Key from,
                          VisitRecord visit);

}  // namespace vortex::node
