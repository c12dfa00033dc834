#include "node/files/policy.h"

#include <algorithm>

namespace vortex::node {

Status validate(const FilePolicy& policy) {
  RETURN_IF_ERROR(chunker::validate(policy.chunks));
  if (policy.replicas < 1 || policy.replicas > kReplicasMax)
    return Error(Code::bad_config, "replicas must be from 1 to " + std::to_string(kReplicasMax));
  if (policy.replicas_min < 1 || policy.replicas_min > policy.replicas)
    return Error(Code::bad_config, "min-replicas must be from 1 to replicas");
  if (policy.inline_max > kInlineMax)
    return Error(Code::bad_config, "inline-max must be at most " + std::to_string(kInlineMax) + " bytes");
  return Status();
}

Status storable(const FilePolicy& policy) {
  if (policy.chunks.code.coded()) return Error(Code::unsupported, "erasure-coded files cannot be stored yet");
  if (policy.chunks.sealing != chunker::Sealing::none)
    return Error(Code::unsupported, "sealed files cannot be stored yet");
  return Status();
}

FilePolicy stronger(const FilePolicy& a, const FilePolicy& b) {
  FilePolicy both = a;
  both.replicas = std::max(a.replicas, b.replicas);
  both.replicas_min = std::max(a.replicas_min, b.replicas_min);
  return both;
}

}  // namespace vortex::node
