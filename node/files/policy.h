// How the files of a directory are kept. New directories and files take the policy of the directory they are made in.
#pragma once

#include <cstdint>

#include "base/limits.h"
#include "chunker/policy.h"

namespace vortex::node {

inline constexpr std::uint8_t kReplicasMax = 16;

struct FilePolicy {
  chunker::Policy chunks;
  std::uint8_t replicas = 3;      // what the managers work towards
  std::uint8_t replicas_min = 2;  // what must be durable before a store is acknowledged
  std::uint32_t inline_max = kInlineMax;

  bool operator==(const FilePolicy&) const = default;
  VORTEX_FIELDS(chunks, replicas, replicas_min, inline_max)
};

// `bad_config`, naming the setting and what it may be.
Status validate(const FilePolicy& policy);
// `unsupported` for what can be said but not be stored yet: erasure-coded and sealed files.
Status storable(const FilePolicy& policy);
// Where files with different policies share a chunk, the strongest holds.
FilePolicy stronger(const FilePolicy& a, const FilePolicy& b);

}  // namespace vortex::node
