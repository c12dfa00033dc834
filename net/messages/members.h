// What members tell each other about who is there, and what a joiner and a member that missed something ask.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "base/network.h"
#include "net/message_row.h"
#include "net/secret.h"

namespace vortex::net {

// An opinion, by severity.
enum class Health : std::uint8_t { alive, suspect, dead };
constexpr Health max_enum_value(Health) { return Health::dead; }

// A decision, by severity: of two with the same version the later one here counts.
enum class MemberStanding : std::uint8_t { joining, active, draining, left, evicted };
constexpr MemberStanding max_enum_value(MemberStanding) { return MemberStanding::evicted; }

enum class Topology : std::uint8_t { all_to_all, ring };
constexpr Topology max_enum_value(Topology) { return Topology::ring; }

// Everything that is known of a member. The first line counts by (boot epoch, incarnation, health) and is raised by the
// member itself; the second by the version of the decision.
struct Member {
  NodeId id;
  Address address;
  std::uint64_t boot_epoch = 0;
  std::uint32_t incarnation = 0;
  Health health = Health::alive;

  std::uint64_t decided = 0;  // version of the decision
  MemberStanding standing = MemberStanding::joining;
  std::uint64_t capacity = 0;  // bytes
  std::string zone;

  bool operator==(const Member&) const = default;
  VORTEX_FIELDS(id, address, boot_epoch, incarnation, health, decided, standing, capacity, zone)
};

// "In this group I have moved on to this term."
struct GroupMovedOn {
  std::uint32_t group = 0;
  std::uint32_t group_epoch = 0;
  std::uint64_t term = 0;
  VORTEX_FIELDS(group, group_epoch, term)
};

// Both directions of a heartbeat carry the same: a sign of life, and what has changed in the directory of the sender.
struct Pulse {
  std::uint32_t position = 0;  // in the sender's list of changes, after `news`
  std::uint32_t received = 0;  // position up to which the sender has the receiver's news, in the receiver's count
  bool lost = false;           // an answer may have been lost: what comes after `received` is to be told again
  std::uint32_t digest = 0;    // of the sender's whole directory
  std::uint32_t settings = 0;  // version of the cluster's settings that the sender knows
  std::uint32_t key_epoch = 0;
  std::vector<Member> news;
  VORTEX_FIELDS(position, received, lost, digest, settings, key_epoch, news)
};

// The answer is the acknowledgement: a promise not to vote against whoever asks.
struct HeartbeatRequest {
  Pulse pulse;
  VORTEX_FIELDS(pulse)
};
struct HeartbeatResponse {
  Pulse pulse;
  std::vector<GroupMovedOn> moved_on;
  VORTEX_FIELDS(pulse, moved_on)
};

// "Do you reach this member?" asked of others before it is condemned.
struct ProbeRequest {
  NodeId id;
  Address address;
  std::uint32_t patience_ms = 0;
  VORTEX_FIELDS(id, address, patience_ms)
};
struct ProbeResponse {
  bool reached = false;
  bool refused = false;  // surely nobody is there: the machine said so
  VORTEX_FIELDS(reached, refused)
};

// Compares two directories and sends what the asker lacks. A digest for each bucket of ids (by their first byte).
struct CompareMembersRequest {
  std::vector<std::uint32_t> buckets;
  std::uint16_t first = 0;   // bucket to go on with
  std::vector<Member> news;  // what the asker found out that the other one lacks
  VORTEX_FIELDS(buckets, first, news)
};
struct CompareMembersResponse {
  NodeId id;                           // of the answerer
  std::uint16_t next = 0;              // first bucket that did not fit; the number of buckets when all did
  std::vector<std::uint32_t> buckets;  // the answerer's
  std::vector<Member> members;         // of buckets that differ
  VORTEX_FIELDS(id, next, buckets, members)
};

struct ClusterKeyCopy {
  std::uint32_t epoch = 0;
  Secret secret;
  VORTEX_FIELDS(epoch, secret)
};

// What holds for the whole cluster.
struct ClusterSettings {
  std::uint32_t version = 0;
  Topology topology = Topology::all_to_all;
  std::uint32_t heartbeat_ms = 300;
  // Decided when the cluster is created.
  std::uint32_t partitions = 256;
  std::uint32_t replicas = 3;
  bool operator==(const ClusterSettings&) const = default;
  VORTEX_FIELDS(version, topology, heartbeat_ms, partitions, replicas)
};

// The joiner has proven a token and its id; it is told the cluster's secret and whom to talk to.
struct JoinRequest {
  Address address;
  std::string zone;
  std::uint64_t capacity = 0;
  std::uint64_t boot_epoch = 0;
  VORTEX_FIELDS(address, zone, capacity, boot_epoch)
};
struct JoinResponse {
  std::vector<ClusterKeyCopy> keys;  // newest first
  ClusterSettings settings;
  Member self;                   // the joiner, as it was taken in
  std::vector<Member> contacts;  // some who are alive, and who must not have the secret
  VORTEX_FIELDS(keys, settings, self, contacts)
};

// For members that missed a replacement of the secret or a change of the settings. Whoever takes the secret takes with
// it, over as many questions as it needs, who was evicted: it is asked for the secret itself from then on.
struct CatchUpRequest {
  std::uint32_t first = 0;  // where to go on
  VORTEX_FIELDS(first)
};
struct CatchUpResponse {
  std::vector<ClusterKeyCopy> keys;  // newest first
  ClusterSettings settings;
  std::vector<Member> evicted;
  std::uint32_t next = 0;  // where those begin that did not fit; 0 when all did
  VORTEX_FIELDS(keys, settings, evicted, next)
};

// What administrators may change of the cluster's settings.
struct ChangeSettingsRequest {
  Topology topology = Topology::all_to_all;
  std::uint32_t heartbeat_ms = 300;
  VORTEX_FIELDS(topology, heartbeat_ms)
};
struct ChangeSettingsResponse {
  ClusterSettings settings;
  VORTEX_FIELDS(settings)
};

// clang-format off
#define VORTEX_MEMBERS_MESSAGES(X) \
  X(64, Heartbeat,      HeartbeatRequest,      HeartbeatResponse,      32 * kKiB,     0, 0, frame, true,  member, control) \
  X(65, Probe,          ProbeRequest,          ProbeResponse,          1 * kKiB,      0, 0, frame, true,  member, control) \
  X(66, CompareMembers, CompareMembersRequest, CompareMembersResponse, kFrameBodyMax, 0, 0, frame, true,  member, normal) \
  X(67, Join,           JoinRequest,           JoinResponse,           128 * kKiB,    0, 0, frame, true,  joiner, control) \
  X(68, CatchUp,        CatchUpRequest,        CatchUpResponse,        80 * kKiB,     0, 0, frame, true,  joiner, control) \
  X(70, ChangeSettings, ChangeSettingsRequest, ChangeSettingsResponse, 1 * kKiB,      0, 0, frame, true,  client, normal)
// clang-format on
VORTEX_MEMBERS_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
