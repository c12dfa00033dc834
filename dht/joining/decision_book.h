// What is decided about the cluster and its members, as linearizable records: who stands how, the settings, the secret.
// Any node can decide; README.md describes the records.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "dht/members/member.h"
#include "dht/records.h"
#include "net/credentials.h"

namespace vortex::dht {

// About one member. `decided` counts the decisions about it.
struct Decision {
  std::uint64_t decided = 0;
  Standing standing = Standing::joining;
  std::uint64_t capacity = 0;  // bytes
  std::string zone;
  bool operator==(const Decision&) const = default;
  VORTEX_FIELDS(decided, standing, capacity, zone)
};
Decision decision_of(const Member& member);

struct AllDecisions {
  std::vector<std::pair<NodeId, Decision>> members;
  std::optional<net::ClusterSettings> settings;
  std::vector<net::ClusterKey> keys;  // newest first
  Version keys_version = 0;
  // Somebody was evicted who knows the newest key: replace_secret() is to be called.
  bool secret_is_due = false;
};

class DecisionBook {
 public:
  // `records` outlives it.
  DecisionBook(Env& env, Records& records) : env_(env), records_(records) {}

  // All records lie here, in one partition.
  static Id place();

  // The first ones, of whoever makes the cluster. Repeated it changes nothing.
  Task<Status> found(NodeId maker, Decision about, net::ClusterSettings settings, std::vector<net::ClusterKey> keys,
                     Duration timeout);

  // A newcomer that has proven a token. Whoever is in already stays as it is; `permission_denied`: it was evicted.
  Task<Result<Decision>> admit(NodeId id, std::string zone, std::uint64_t capacity, Duration timeout);
  // `not_found`: nothing is known of it here; `precondition_failed`: it was evicted, and that is for good. Evicting
  // also says that the secret is due.
  Task<Result<Decision>> set_standing(NodeId id, Standing standing, Duration timeout);
  // What its operator says of it.
  Task<Result<Decision>> describe(NodeId id, std::string zone, std::uint64_t capacity, Duration timeout);
  // Keeps what cannot be changed.
  Task<Result<net::ClusterSettings>> change_settings(Topology topology, std::uint32_t heartbeat_ms, Duration timeout);
  // Makes the next key where that is due and nobody was evicted since that version of the keys. Whoever calls it makes
  // sure that no record is copied any more to those who were evicted before.
  Task<Status> replace_secret(Version keys_version, Duration timeout);

  // Changes with every decision; 0 before the first.
  Task<Result<Version>> latest(Duration timeout);
  Task<Result<AllDecisions>> all(Duration timeout);

 private:
  struct Keys;
  template <class T>
  Task<Result<std::pair<Version, std::optional<T>>>> read(ByteVector name, Duration timeout);
  // Changes the decision about a member until no rival is faster. `change` says whether there is anything to change.
  using Change = UniqueFunction<Result<bool>(std::optional<Decision>&)>;
  Task<Result<Decision>> decide(NodeId id, Change change, Duration timeout);

  Env& env_;
  Records& records_;
};

}  // namespace vortex::dht
