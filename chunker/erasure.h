// Reed-Solomon over bytes: k data shards and m parity shards, any k of which give all of them back. Systematic: the
// data shards are the data, cut in k parts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "chunker/policy.h"

namespace vortex::chunker {

// Which shards are there.
using ShardSet = std::uint64_t;
static_assert(kDataShardsMax + kParityShardsMax <= 64);

// Bytes of a parity shard, and of a full data shard, for this much data: a multiple of 64.
std::size_t shard_data_size(CodePolicy code, std::size_t data_size);
// What shard `index` really has: the last data shards may be shorter or empty; for coding they count as filled up with
// zeros.
std::size_t shard_data_size(CodePolicy code, std::size_t data_size, int index);

// Immutable once made: any thread.
class ErasureCode {
 public:
  // The policy is valid and coded.
  explicit ErasureCode(CodePolicy policy);

  CodePolicy policy() const { return policy_; }
  std::size_t shard_size(std::size_t data_size) const { return shard_data_size(policy_, data_size); }
  std::size_t shard_size(std::size_t data_size, int index) const { return shard_data_size(policy_, data_size, index); }

  // parity[i] has shard_size(data.size()) bytes.
  void encode(ByteView data, std::span<const MutableBytes> parity) const;

  // Makes the shards `wanted` (not more than there is parity) from k others, for the same range of columns of each.
  // `sources[i]` is that range of shard `source_indexes[i]`, shorter where the shard has ended: shorter only as
  // shard_size() tells. outs[i] are as long as the range, or shorter for a shard that has ended.
  void reconstruct(std::span<const int> source_indexes, std::span<const ByteView> sources, std::span<const int> wanted,
                   std::span<const MutableBytes> outs) const;

 private:
  // A row of coefficients for each wanted shard, over the source shards.
  std::vector<std::uint8_t> coefficients(std::span<const int> source_indexes, std::span<const int> wanted) const;

  CodePolicy policy_;
  std::vector<std::uint8_t> matrix_;  // k + m rows of k: the identity, then Cauchy's
  std::vector<std::uint8_t> tables_;  // ISA-L's expansion of the parity rows
};

}  // namespace vortex::chunker
