// Which partition a key belongs to, and where among the ids of nodes a partition lies.
#pragma once

#include <bit>
#include <cstdint>

#include "base/check.h"
#include "base/hash.h"
#include "base/id.h"

namespace vortex::dht {

using PartitionNumber = std::uint32_t;

// Their number is decided when the cluster is created.
inline constexpr std::uint32_t kPartitionsDefault = 256;
inline constexpr std::uint32_t kPartitionsMax = 65536;

constexpr bool valid_partition_count(std::uint32_t partitions) {
  return std::has_single_bit(partitions) && partitions <= kPartitionsMax;
}

// The first bits of the place's hash.
inline PartitionNumber partition_of(const Id& place, std::uint32_t partitions) {
  CHECK(valid_partition_count(partitions));
  return static_cast<PartitionNumber>(((xxh3(place.bytes) >> 32) * partitions) >> 32);
}

// The nodes closest to it by XOR are those that should hold the partition: its number in the first bits, then a one,
// then zeros.
inline Id partition_id(PartitionNumber partition, std::uint32_t partitions) {
  CHECK(valid_partition_count(partitions) && partition < partitions);
  const int bits = std::countr_zero(partitions);
  const std::uint64_t first = ((std::uint64_t(partition) << 1) | 1) << (63 - bits);
  Id id;
  for (int i = 0; i < 8; ++i) id.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(first >> (56 - 8 * i));
  return id;
}

}  // namespace vortex::dht
