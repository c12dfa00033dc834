#include "dht/records_client/split.h"

#include <map>

namespace vortex::dht {

std::vector<BatchPart> split(Batch batch, std::uint32_t partitions) {
  std::map<PartitionNumber, BatchPart> parts;
  for (std::uint32_t i = 0; i < batch.conditions.size(); ++i) {
    Condition& condition = batch.conditions[i];
    BatchPart& part = parts[partition_of(condition.key.place, partitions)];
    part.batch.conditions.push_back(std::move(condition));
    part.conditions.push_back(i);
  }
  for (std::uint32_t i = 0; i < batch.writes.size(); ++i) {
    Write& write = batch.writes[i];
    BatchPart& part = parts[partition_of(write.key.place, partitions)];
    part.batch.writes.push_back(std::move(write));
    part.writes.push_back(i);
  }
  std::vector<BatchPart> sorted;
  for (auto& [partition, part] : parts) {
    part.partition = partition;
    sorted.push_back(std::move(part));
  }
  return sorted;
}

}  // namespace vortex::dht
