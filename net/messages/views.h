// What people and clients want to see of a cluster, and what its administrators may tell it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/message_row.h"
#include "net/messages/members.h"

namespace vortex::net {

// Who is there, for whoever places or fetches chunks.
struct ListMembersRequest {
  VORTEX_FIELDS()
};
struct ListMembersResponse {
  ClusterId cluster;
  ClusterSettings settings;
  std::vector<Member> members;
  std::vector<NodeId> lost;  // dead for so long that they are no place for data
  VORTEX_FIELDS(cluster, settings, members, lost)
};

// What one node says of itself.
struct NodeReport {
  NodeId id;
  std::string version;
  std::uint64_t uptime_s = 0;
  std::uint64_t capacity = 0;  // bytes of chunks
  std::uint64_t used = 0;
  std::uint64_t disk_available = 0;
  std::uint64_t chunks = 0;
  std::uint64_t chunks_damaged = 0;
  std::uint32_t groups = 0;
  std::uint32_t leads = 0;
  std::uint64_t metadata_bytes = 0;  // in memory
  VORTEX_FIELDS(id, version, uptime_s, capacity, used, disk_available, chunks, chunks_damaged, groups, leads,
                metadata_bytes)
};
// Of the node that is asked, or of all that can be reached.
struct ReportNodesRequest {
  bool everywhere = false;
  VORTEX_FIELDS(everywhere)
};
struct ReportNodesResponse {
  std::vector<NodeReport> nodes;
  VORTEX_FIELDS(nodes)
};

struct PartitionReplica {
  NodeId node;
  bool voter = false;
  VORTEX_FIELDS(node, voter)
};
struct PartitionReport {
  std::uint32_t id = 0;
  NodeId leader;
  std::uint64_t term = 0;
  std::vector<PartitionReplica> members;
  std::uint64_t applied = 0;
  std::uint64_t lag = 0;  // entries that the slowest member is behind
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  VORTEX_FIELDS(id, leader, term, members, applied, lag, records, bytes)
};
// Those that are led by the node that is asked, or by any that can be reached.
struct ReportPartitionsRequest {
  bool everywhere = false;
  VORTEX_FIELDS(everywhere)
};
struct ReportPartitionsResponse {
  std::uint32_t partitions_total = 0;
  std::vector<PartitionReport> partitions;
  VORTEX_FIELDS(partitions_total, partitions)
};

struct CreateTokenRequest {
  std::uint32_t uses = 1;
  std::uint64_t life_s = 86'400;
  VORTEX_FIELDS(uses, life_s)
};
struct CreateTokenResponse {
  std::string token;
  std::string id;
  std::int64_t expires_ns = 0;  // wall time
  VORTEX_FIELDS(token, id, expires_ns)
};
struct TokenReport {
  std::string id;
  std::int64_t created_ns = 0, expires_ns = 0;
  std::uint32_t uses_left = 0;
  std::uint32_t redeemed = 0;
  VORTEX_FIELDS(id, created_ns, expires_ns, uses_left, redeemed)
};
struct ListTokensRequest {
  VORTEX_FIELDS()
};
struct ListTokensResponse {
  std::vector<TokenReport> tokens;
  VORTEX_FIELDS(tokens)
};
struct RevokeTokenRequest {
  std::string id;
  VORTEX_FIELDS(id)
};
struct RevokeTokenResponse {
  VORTEX_FIELDS()
};

// Rules as they are written: "rw:/photos".
struct CreateKeyRequest {
  std::vector<std::string> rules;
  std::string label;
  VORTEX_FIELDS(rules, label)
};
struct CreateKeyResponse {
  std::string key;
  std::string id;
  VORTEX_FIELDS(key, id)
};
struct KeyReport {
  std::string id;
  std::string label;
  std::vector<std::string> rules;
  std::int64_t created_ns = 0;
  VORTEX_FIELDS(id, label, rules, created_ns)
};
struct ListKeysRequest {
  VORTEX_FIELDS()
};
struct ListKeysResponse {
  std::vector<KeyReport> keys;
  VORTEX_FIELDS(keys)
};
struct RevokeKeyRequest {
  std::string id;
  VORTEX_FIELDS(id)
};
struct RevokeKeyResponse {
  VORTEX_FIELDS()
};

// An operator's word on a node: drain, activate, evict. Evicting is refused where partitions would be lost with the
// node, unless it is forced.
struct SetStandingRequest {
  NodeId id;
  MemberStanding standing = MemberStanding::active;
  bool force = false;
  VORTEX_FIELDS(id, standing, force)
};
struct SetStandingResponse {
  Member member;
  VORTEX_FIELDS(member)
};

// clang-format off
#define VORTEX_VIEWS_MESSAGES(X) \
  X(176, ListMembers,      ListMembersRequest,      ListMembersResponse,      kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(177, ReportNodes,      ReportNodesRequest,      ReportNodesResponse,      kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(178, ReportPartitions, ReportPartitionsRequest, ReportPartitionsResponse, kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(179, CreateToken,      CreateTokenRequest,      CreateTokenResponse,      4 * kKiB,      0, 0, frame, false, client, normal) \
  X(180, ListTokens,       ListTokensRequest,       ListTokensResponse,       kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(181, RevokeToken,      RevokeTokenRequest,      RevokeTokenResponse,      1 * kKiB,      0, 0, frame, true,  client, normal) \
  X(182, CreateKey,        CreateKeyRequest,        CreateKeyResponse,        kFrameBodyMax, 0, 0, frame, false, client, normal) \
  X(183, ListKeys,         ListKeysRequest,         ListKeysResponse,         kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(184, RevokeKey,        RevokeKeyRequest,        RevokeKeyResponse,        1 * kKiB,      0, 0, frame, true,  client, normal) \
  X(185, SetStanding,      SetStandingRequest,      SetStandingResponse,      4 * kKiB,      0, 0, frame, true,  client, normal)
// clang-format on
VORTEX_VIEWS_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
