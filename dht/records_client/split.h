// A batch by the partitions that its keys belong to.
#pragma once

#include <vector>

#include "dht/partition/key_space.h"
#include "dht/records.h"

namespace vortex::dht {

struct BatchPart {
  PartitionNumber partition = 0;
  Batch batch;
  // What each condition and each write was in the whole.
  std::vector<std::uint32_t> conditions, writes;
};

// In the order of the partitions; none for a batch of nothing.
std::vector<BatchPart> split(Batch batch, std::uint32_t partitions);

}  // namespace vortex::dht
